#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Headers, symbol map and library agree: check_exports.py [--write] [LIBRARY]

Every function that a public header marks ASSAY_API stands in lib/assay.map and in the dynamic symbols of the library; nothing
else does; and each has a comment with @since. --write makes lib/assay.map anew.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAP = ROOT / "lib/assay.map"
NODE = "ASSAY_0"
DECLARATION = re.compile(r"^ASSAY_API\b[^;]*?\b(assay_\w+)\(", re.M)
COMMENT_THEN_DECLARATION = re.compile(r"/\*\*(?P<comment>(?:(?!\*/).)*)\*/\s*ASSAY_API\b[^;]*?\b(?P<name>assay_\w+)\(", re.S)


def declared():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "include/assay").glob("*.h")))
    return DECLARATION.findall(text), {
        match["name"]: match["comment"] for match in COMMENT_THEN_DECLARATION.finditer(text)
    }


def write_map(names):
    listed = "".join(f"    {name};\n" for name in sorted(names))
    MAP.write_text(f"/* Made by tests/abi/check_exports.py --write from the public headers. */\n{NODE} {{\nglobal:\n{listed}local:\n    *;\n}};\n")


def exported(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    # "0000 T assay_version@@ASSAY_0"; the node itself is an absolute symbol
    found = [line.split()[-1].split("@") for line in lines.splitlines() if line.split()[-2] != "A"]
    return {name[0]: name[-1] for name in found}


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    names, comments = declared()
    if len(arguments) < len(sys.argv[1:]):
        write_map(names)
    mapped = re.findall(r"^ +(\w+);$", MAP.read_text(), re.M)
    problems = [f"{name}: declared twice" for name in set(names) if names.count(name) > 1]
    problems += [f"{name}: in a header, not in assay.map" for name in set(names) - set(mapped)]
    problems += [f"{name}: in assay.map, in no header" for name in set(mapped) - set(names)]
    problems += [f"{name}: no comment" for name in names if name not in comments]
    problems += [f"{name}: no @since" for name, comment in comments.items() if not re.search(r"@since \d+\.\d+", comment)]
    if arguments:
        symbols = exported(arguments[0])
        problems += [f"{name}: in assay.map, not in the library" for name in set(mapped) - set(symbols)]
        problems += [f"{name}: exported by the library, in no header" for name in set(symbols) - set(names)]
        problems += [f"{name}: in node {node}, not {NODE}" for name, node in symbols.items() if node != NODE]
    print("\n".join(sorted(problems)), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
