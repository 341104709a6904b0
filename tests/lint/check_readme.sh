#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The C examples of README.md compile, and the files that it names are there.
set -eu
cd "$(dirname "$0")/../.."
bad=0
{
    printf 'static void handle(const char *issuer, const char *subject);\n'
    printf 'static void send_request(const char *authorization);\n'
    sed -n '/^```c$/,/^```$/{/^```/!p;}' README.md
    printf 'static void handle(const char *issuer, const char *subject) { (void)issuer; (void)subject; }\n'
    printf 'static void send_request(const char *authorization) { (void)authorization; }\n'
    printf 'int main(void) { return start(0, 0) + authenticate(0, 0, 0) + ask_vault(0, 0); }\n'
} | "${CC:-cc}" -std=c11 -Wall -Wextra -Werror -Iinclude -x c -fsyntax-only - || bad=1
for file in $(grep -oE '\]\([A-Za-z0-9_./-]+\)' README.md | tr -d '()]'); do
    [ -e "$file" ] || { printf 'README.md names %s, which is not there\n' "$file"; bad=1; }
done
exit $bad
