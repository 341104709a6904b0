#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include whom: the layers of lib/ go one way, and each foreign library has one place."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)

# A folder may include itself, base, and these. "http:…" is a single header of that folder.
PLAIN_HTTP = {"http:message", "http:url", "http:cache_control"}
LAYERS = {
    "base": set(),
    "json": set(),
    "crypto": set(),
    "http": {"crypto:trust"},
    "keys": {"crypto", "json"},
    "profile": {"keys", "json"},
    "token": {"profile", "keys", "crypto", "json"},
    "discovery": {"profile", "keys", "json", "crypto"} | PLAIN_HTTP,
    "acquire": {"discovery", "profile", "crypto", "json", "http:message", "http:url"},
    "flow": {"token", "profile", "keys", "discovery", "acquire", "http", "crypto", "json"},
    "api": {"flow", "token", "profile", "keys", "discovery", "acquire"},
}

# Files that may include a foreign library's headers, by the folder or name of the header.
FOREIGN = {
    "openssl": re.compile(r"^lib/crypto/"),
    "curl": re.compile(r"^lib/http/(client|exchange|lines|multi|options|settings|tls_name)[^/]*\.[ch]$"),
    "jansson.h": re.compile(r"^lib/json/document\.c$"),
    "cjose": re.compile(r"^lib/crypto/[^/]*jwe[^/]*\.c$"),
    "microhttpd.h": re.compile(r"^cli/"),
}
STANDARD_IN_PUBLIC = {"stddef.h", "stdint.h"}


def may_include(folder, header):
    target, _, name = header.partition("/")
    if target in (folder, "base"):
        return True
    return target in LAYERS[folder] or f"{target}:{name.removesuffix('.h')}" in LAYERS[folder]


def problems_of(path):
    relative = str(path.relative_to(ROOT))
    parts = relative.split("/")
    for mark, header in INCLUDE.findall(path.read_text()):
        top = header.split("/")[0]
        if parts[0] == "include":
            if top != "assay" and header not in STANDARD_IN_PUBLIC:
                yield f"{relative}: a public header includes {header}"
            continue
        for foreign, allowed in FOREIGN.items():
            if top == foreign and parts[0] == "lib" and not allowed.match(relative):
                yield f"{relative}: {header} is for {allowed.pattern} only"
        if parts[0] == "lib" and mark == '"':
            if parts[1] not in LAYERS:
                yield f"{relative}: the folder {parts[1]} is in no layer; see LAYERS"
            elif "/" not in header:
                yield f"{relative}: write {header} with its folder"
            elif not may_include(parts[1], header):
                yield f"{relative}: {parts[1]} may not include {header}"
        if parts[0] == "cli" and top in LAYERS and top != "base":
            yield f"{relative}: the command uses the public headers, not {header}"
        if parts[0] == "examples" and mark == '"' and not (path.parent / header).is_file():
            yield f"{relative}: an example includes nothing but installed headers and those beside it"


def main():
    problems = []
    for folder in ("include", "lib", "cli", "examples"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            problems.extend(problems_of(path))
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
