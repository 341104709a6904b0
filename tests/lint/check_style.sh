#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Form of the sources: licence line, formatting, length, and calls that the project does without.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0
fail() {
    printf '%s\n' "$1"
    bad=1
}

mapfile -t c_files < <(find include lib cli examples tests pkgconfig -name node_modules -prune -o -name '*.[ch]' -print | sort)
mapfile -t scripts < <(find tests docs examples pkgconfig .ci -name node_modules -prune -o -type f \
    \( -name '*.sh' -o -name '*.py' -o -name '*.mjs' -o -name run -o -name meson.build \) -print | sort)

for file in "${c_files[@]}"; do
    [ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: MIT */' ] || fail "$file:1: no SPDX line"
done
for file in "${scripts[@]}" meson.build meson_options.txt lib/base/errors.def; do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || fail "$file: no SPDX line"
done

formatter=$(command -v clang-format-14 || command -v clang-format)
if [ -n "$formatter" ]; then
    "$formatter" --dry-run -Werror "${c_files[@]}" 2>&1 | grep -E '(error|warning):' | sed 's/ \[.*//' | sort -u -t: -k1,1 | head -n 40
    [ "${PIPESTATUS[0]}" -eq 0 ] || fail "format them: $(basename "$formatter") -i FILE"
else
    fail 'no clang-format-14'
fi

for file in "${c_files[@]}"; do
    lines=$(wc -l <"$file")
    if [ "$lines" -gt 700 ]; then
        fail "$file: $lines lines; split it"
    elif [ "$lines" -gt 400 ]; then
        printf 'note: %s: %s lines; the aim is 150 to 400\n' "$file" "$lines"
    fi
done

# banned FILES PATTERN WHY: calls in code; comment lines are left out
banned() {
    local hits
    hits=$(grep -nE "(^|[^A-Za-z0-9_\"])$2[ ]*\(" $1 2>/dev/null | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)')
    [ -z "$hits" ] || fail "$hits
    ^ $3"
}
library=$(find lib cli examples -name '*.[ch]')
banned "$library" '(strcpy|strcat|sprintf|vsprintf|gets|stpcpy)' 'no bound: use snprintf or memcpy'
banned "$library" '(atoi|atol|atoll|strtok|alloca|rand|srand|localtime|gmtime)' 'no error, or not thread-safe'
banned "$(find lib -name '*.[ch]')" '(strerror)' 'not thread-safe'
banned "$(find lib -name '*.[ch]' ! -path '*from_environment*')" '(getenv|secure_getenv|setenv)' 'the environment is read by …_from_environment only'
banned "$(find lib -name '*.[ch]' ! -path lib/base/memory.c)" '(malloc|calloc|realloc|free|strdup|strndup)' 'allocate by base/memory.h'
banned "$(find lib/crypto -name '*.c' ! -name key_curve.c)" '(memcmp|strcmp|strncmp)' 'in crypto/ compare by CRYPTO_memcmp; key_curve.c holds public points only'
banned "$(find lib -name '*.[ch]')" '(printf|fprintf|puts|abort|exit)' 'a library neither prints nor ends the process'
hits=$(grep -rnE '\b(TODO|FIXME|XXX|HACK)\b' include lib cli examples tests --include='*.[ch]' --exclude-dir=node_modules)
[ -z "$hits" ] || fail "$hits"

exit $bad
