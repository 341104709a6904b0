#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A C++ program links against the library, and unref serves as a deleter: cxx_link.sh LIBRARY
set -eu
library=$1
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/main.cc" <<'CC'
#include <assay/assay.h>
#include <cstring>
#include <memory>

int main()
{
    struct Unref {
        void operator()(assay_issuer *issuer) const { assay_issuer_free(issuer); }
    };
    assay_issuer *made = nullptr;
    if (assay_issuer_new("https://issuer.example", &made, nullptr) != ASSAY_OK)
        return 1;
    std::unique_ptr<assay_issuer, Unref> issuer(made);
    return std::strcmp(assay_version(), "") != 0 ? 0 : 1;
}
CC
for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null || continue
    "$compiler" -std=c++17 -Wall -Wextra -Werror -Iinclude "$work/main.cc" -o "$work/main" "$library" \
        -Wl,-rpath,"$(dirname "$(realpath "$library")")"
    "$work/main"
done
