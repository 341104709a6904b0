#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every source file stands in the meson list of its folder, and nothing else does. --write brings the lists up to date.

A list is the lines between `# begin: PATTERN [without PATTERN]` and `# end`; patterns are relative to the project.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = re.compile(r"^( *)# begin: (\S+)(?: without (\S+))?\n(.*?)^ *# end$", re.M | re.S)


def wanted(folder, indent, pattern, without):
    found = set(ROOT.glob(pattern)) - (set(ROOT.glob(without)) if without else set())
    if pattern == "tests/*/test_*.c":  # fuzz targets and the like have lists of their own
        found = {path for path in found if path.parent.name not in ("fuzz", "bench", "support")}
    return [f"{indent}'{name}',\n" for name in sorted(str(path.relative_to(folder)) for path in found)]


def main():
    write = "--write" in sys.argv[1:]
    stale = []
    folders = ("include/assay", "lib", "cli", "examples", "tests", "tests/*")
    for build in sorted(found for folder in folders for found in ROOT.glob(f"{folder}/meson.build")):
        relative = build.relative_to(ROOT)
        text = build.read_text()

        def renew(match):
            indent, pattern, without, listed = match.groups()
            lines = wanted(build.parent, indent, pattern, without)
            if "".join(lines) != listed:
                have = set(listed.splitlines(keepends=True))
                stale.extend(f"{relative}: {line.strip()} is missing" for line in lines if line not in have)
                stale.extend(f"{relative}: {line.strip()} is too many, or out of order" for line in sorted(have - set(lines)))
                stale.append(f"{relative}: list of {pattern}")
            head = match.group(0)[: match.start(4) - match.start(0)]
            return head + "".join(lines) + indent + "# end"

        new = LIST.sub(renew, text)
        if write and new != text:
            build.write_text(new)
    if stale and not write:
        print("\n".join(stale))
        print("bring the lists up to date: tests/lint/check_sources.py --write")
        return 1
    return 0


sys.exit(main())
