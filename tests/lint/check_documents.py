#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The written documents keep up with the sources.

Links lead somewhere; docs/threads.md has every exported function once, in its header's table; the code and tests that
docs/rfc-map.md names are there; options of the command stand in docs/guide/command.md; the C of each guide compiles.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
problems = []


def anchors(path):
    """What GitHub makes of the headings of a file."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            problems.append(f"{path.relative_to(ROOT)}: {target} is not there")
        elif anchor and anchor not in anchors(file):
            problems.append(f"{path.relative_to(ROOT)}: {target} has no such heading")


def check_threads():
    sections = re.split(r"^### assay/", (DOCS / "threads.md").read_text(), flags=re.M)[1:]
    listed = {section.split("\n")[0]: re.findall(r"^\| `(assay_\w+)` \|", section, re.M) for section in sections}
    for header in sorted((ROOT / "include/assay").glob("*.h")):
        declared = re.findall(r"^ASSAY_API\b[^;]*?\b(assay_\w+)\(", header.read_text(), re.M)
        if sorted(declared) != sorted(listed.get(header.name, [])):
            wrong = set(declared) ^ set(listed.get(header.name, []))
            problems.append(f"docs/threads.md: assay/{header.name}: {', '.join(sorted(wrong)) or 'a function twice'}")


def check_map():
    for number, line in enumerate((DOCS / "rfc-map.md").read_text().split("\n"), 1):
        for name, function in re.findall(r"`([\w/]+\.c):(\w+)`", line):
            file = ROOT / ("tests" if pathlib.Path(name).name.startswith("test_") else "lib") / name
            if not file.exists() or not re.search(rf"^[A-Za-z][\w *]*\b{function}\(", file.read_text(), re.M):
                problems.append(f"docs/rfc-map.md:{number}: no {function} in {name}")


def check_command():
    text = (DOCS / "guide/command.md").read_text()
    sources = {name: (name,) for name in ("verify", "jws", "inspect", "discover", "issuer", "doctor")}
    sources["token"] = ("token", "credential_options")  # assay doctor has these too, and says so
    for name, files in sources.items():
        section = text.split(f"\n## assay {name}\n")[1].split("\n## ")[0]
        code = "".join((ROOT / f"cli/{file}.c").read_text() for file in files)
        options = re.findall(r'\{"([\w-]+)",\s*CLI_', code)
        for option in options:
            if f"--{option}" not in section:
                problems.append(f"docs/guide/command.md: assay {name} has no --{option}")
        if not options:
            problems.append(f"docs/guide/command.md: assay {name} seems to have no options")


def check_guide(path):
    """The C of a guide is one program text."""
    source = "\n".join(re.findall(r"^```c\n(.*?)^```", path.read_text(), re.M | re.S))
    command = [*os.environ.get("CC", "cc").split(), "-std=c11", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror"]
    command += ["-I", str(ROOT / "include"), "-fsyntax-only", "-x", "c", "-"]
    result = subprocess.run(command, input=source, text=True, capture_output=True)
    if result.returncode != 0:
        problems.append(f"{path.relative_to(ROOT)} does not compile:\n{result.stderr}")


for path in [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]:
    check_links(path)
check_threads()
check_map()
check_command()
for path in sorted((DOCS / "guide").glob("*.md")):
    check_guide(path)
print("\n".join(problems), end="\n" if problems else "")
sys.exit(1 if problems else 0)
