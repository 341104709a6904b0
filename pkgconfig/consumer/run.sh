#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs a build into a folder of its own and builds a program with nothing but pkg-config: run.sh BUILD
set -eu
build=$(realpath "${1:?usage: run.sh BUILD}")
here=$(dirname "$(realpath "$0")")
prefix=$build/consumer
rm -rf "$prefix"
mkdir -p "$prefix"

meson install -C "$build" --no-rebuild --quiet --destdir "$prefix/root"
libraries=$(dirname "$(find "$prefix/root" -name 'libassay.so')")
configured=$(sed -n 's/^prefix=//p' "$libraries/pkgconfig/assay.pc")
export PKG_CONFIG_PATH=$libraries/pkgconfig
# The files lie below a folder, so pkg-config is told where; otherwise as on any machine.
flags() { pkg-config --define-variable=prefix="$prefix/root$configured" "$@" assay; }
[ "$(pkg-config --modversion assay)" = "$("$build/cli/assay" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1 || true)" ] ||
    printf 'note: assay --version says something else than assay.pc\n'

for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    # shellcheck disable=SC2046
    $compiler -std=c99 -Wall -Wextra -pedantic -Werror "$here/main.c" -o "$prefix/shared" $(flags --cflags --libs)
    LD_LIBRARY_PATH=$libraries "$prefix/shared"
done
needed=$(readelf -d "$prefix/shared" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ "$(printf '%s\n' "$needed" | grep -c -E 'ssl|crypto|curl|jansson')" -eq 0 ] || {
    printf 'the program is linked against what only the library should be: %s\n' "$needed"
    exit 1
}

# Our library from its archive, the libraries underneath shared: curl's own archive is not complete on Debian.
underneath=$(flags --print-requires-private | sed 's/ .*//')
# shellcheck disable=SC2046,SC2086
gcc "$here/main.c" -o "$prefix/static" $(flags --cflags) "$libraries/libassay.a" $(pkg-config --libs $underneath) -pthread
"$prefix/static"
[ -z "$(readelf -d "$prefix/static" | grep libassay || true)" ] || { printf 'the archive was not used\n'; exit 1; }
