#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes docs/errors.md, docs/limits.md, docs/reference.md and the table in docs/guide/doctor.md from the sources; --check only tells whether they are stale."""

import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEADERS = ROOT / "include/assay"
NOTE = "<!-- Made by docs/generate.py from {}; edit that, not this. -->\n\n"

LITERAL = r'"(?:[^"\\]|\\.)*"'
ROW = re.compile(rf"^ROW\((\w+), (\w+), (\d+), (NULL|{LITERAL}), ({LITERAL}), ({LITERAL}), ({LITERAL})\)$", re.M)
DIAGNOSIS = re.compile(rf"^ROW\((\d+), ({LITERAL}), ({LITERAL}), ({LITERAL}), ({LITERAL}), ({LITERAL})\)$", re.M)
LIMIT = re.compile(r"^#define (ASSAY_LIMIT_\w+)\s+(\S+)\s+/\* ([^:]+): (.*?) \*/$", re.M)
GROUP = re.compile(r"^/\* (.+?) \*/$", re.M)
ITEM = re.compile(
    r"/\*\*(?P<comment>(?:(?!\*/).)*)\*/[ \t]*\n"
    r"(?P<code>(?:ASSAY_API\b[^;]*;|typedef [^;]*;|enum \w+ \{.*?\n\};))"
    r"|/\*\*(?P<file>(?:(?!\*/).)*)\*/|/\*(?P<remark>(?!\*)\n(?:(?!\*/).)*)\*/",
    re.S,
)


def cell(text):
    return text.replace("|", "\\|")


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]) + "\n"


def errors():
    numbers = dict(re.findall(r"^\s+(ASSAY_E_\w+) = (-?\d+)", (HEADERS / "error.h").read_text(), re.M))
    rows = ROW.findall((ROOT / "lib/base/errors.def").read_text())
    text = (
        "# Errors\n\n" + NOTE.format("lib/base/errors.def")
        + "A code never changes its meaning and is never used again. `assay_error_code()` gives the number, `assay_code_name()` the name, "
        "and the functions beside them the rest of a row. Only `ASSAY_OK`, 0, means success.\n\n"
        "`error` is what the `WWW-Authenticate` answer carries (RFC 6750, section 3.1); where there is none, the challenge is bare or "
        "there is none.\n"
    )
    for category in dict.fromkeys(row[1] for row in rows):
        listed = [
            (f"`ASSAY_E_{name}`", numbers[f"ASSAY_E_{name}"], status, "–" if oauth == "NULL" else f"`{ast.literal_eval(oauth)}`",
             *(cell(ast.literal_eval(each)) for each in (check, summary, hint)))
            for name, of, status, oauth, check, summary, hint in rows if of == category
        ]  # fmt: skip
        text += f"\n## {category.capitalize()}\n\n"
        text += table(("code", "number", "HTTP", "error", "check", "what is wrong", "what to do"), listed)
    return text


def limits():
    source = (ROOT / "lib/base/limits.h").read_text()
    text = "# Limits\n\n" + NOTE.format("lib/base/limits.h") + "Every limit of the library. None of them can be switched off.\n"
    marks = [mark for mark in GROUP.finditer(source) if "SPDX" not in mark[1]]
    ends = [mark.start() for mark in marks[1:]] + [len(source)]
    for mark, end in zip(marks, ends):
        rows = [(f"`{name}`", value, unit, cell(why)) for name, value, unit, why in LIMIT.findall(source, mark.end(), end)]
        text += f"\n## {mark[1]}\n\n" + table(("limit", "value", "unit", "what it bounds, and why so"), rows)
    missed = re.findall(r"^#define ASSAY_LIMIT_\w+", source, re.M)
    if len(missed) != len(LIMIT.findall(source)):
        sys.exit("lib/base/limits.h: a line is not as its head describes")
    return text


def doctor():
    """docs/guide/doctor.md with its table made anew."""
    source = (ROOT / "lib/acquire/diagnosis.def").read_text()
    found = [(number, *(cell(ast.literal_eval(each)) for each in rest)) for number, *rest in DIAGNOSIS.findall(source)]
    if len(found) != len(re.findall(r"^ROW\(", source, re.M)):
        sys.exit("lib/acquire/diagnosis.def: a line is not as its head describes")
    rows = [(number, f"`{name}`", f"`{layer}`", *texts) for number, name, layer, *texts in found]
    path = ROOT / "docs/guide/doctor.md"
    begin, end = re.search(r"<!-- begin rows:.*?-->\n", path.read_text()), "<!-- end rows -->"
    if begin is None or end not in path.read_text():
        sys.exit("docs/guide/doctor.md: the place of the table is not marked")
    before, after = path.read_text()[: begin.end()], path.read_text().split(end)[1]
    return before + "\n" + table(("row", "name", "layer", "what is seen", "cause", "what to do"), rows) + "\n" + end + after


def prose(comment):
    """A Doxygen comment as Markdown: @param and @retval as list items, @p as code."""
    text = "\n".join(re.sub(r"^\s*\* *", "", line).rstrip() for line in comment.strip().splitlines())
    text = re.sub(r"@file\n", "", text)
    text = re.sub(r"\s*Threads: any\. @since", "\n\nThreads: any. @since", text)
    text = re.sub(r"@p (\w+)", r"`\1`", text)
    text = re.sub(r"(Threads: any\.)?\s*@since (\d+\.\d+)\.?", r"\n\n\1 Since \2.", text).replace("\n\n Since", "\n\nSince")
    text = re.sub(r"\s*@param\s+(?:\[[^]]*\]\s*)?(\w+)\s*(\[[^]]*\])?\s*", lambda m: f"\n- `{m[1]}`{' ' + m[2] if m[2] else ''}: ", text)
    text = re.sub(r"\s*@retval\s+(\w+)\s*", r"\n- returns `\1`: ", text)
    text = re.sub(r"\s*@return\s+", "\n- returns ", text)
    # A list needs an empty line before its first item.
    text = re.sub(r"(?m)^(?!- )(.+)\n- ", r"\1\n\n- ", text)
    # Codes and functions in running text are code.
    text = re.sub(r"(?<![`\w])(ASSAY_[A-Z0-9_]+|assay_\w+(?:\(\))?)(?![`\w])", r"`\1`", text)
    return text.strip()


def reference():
    text = "# Reference\n\n" + NOTE.format("the headers in include/assay")
    text += "Include `<assay/assay.h>`; one section here is one header. Arguments are marked `[in]` and `[out]` in the headers.\n"
    headers = sorted(path for path in HEADERS.glob("*.h") if path.name != "assay.h")
    text += "\n" + "".join(f"- [{path.name}](#assay{path.stem}h)\n" for path in headers)
    for path in headers:
        text += f"\n## assay/{path.name}\n"
        for item in ITEM.finditer(path.read_text()):
            if item["file"] is not None:
                text += f"\n{prose(item['file'])}\n"
            elif item["remark"] is not None:
                text += f"\n{prose(item['remark'])}\n"
            else:
                code = re.sub(r"ASSAY_API (ASSAY_MUST_CHECK )?", "", item["code"])
                code = re.sub(r"\n {20,}", "\n    ", code)
                names = re.search(r"\b(assay_\w+)\(|\benum (\w+)|\(\*(\w+)\)|\b(\w+);$", code)
                name = next(group for group in names.groups() if group)
                text += f"\n### {name}\n\n```c\n{code}\n```\n\n{prose(item['comment'])}\n"
    functions = re.findall(r"^ASSAY_API\b[^;]*?\b(assay_\w+)\(", "\n".join(path.read_text() for path in headers), re.M)
    missing = [name for name in functions if f"### {name}\n" not in text]
    if missing:
        sys.exit(f"include/assay: no comment that could be read: {', '.join(missing)}")
    return text


def main():
    stale = []
    for name, made in (("errors.md", errors()), ("limits.md", limits()), ("reference.md", reference()), ("guide/doctor.md", doctor())):
        path = ROOT / "docs" / name
        if not path.exists() or path.read_text() != made:
            stale.append(f"docs/{name}")
            if "--check" not in sys.argv[1:]:
                path.write_text(made)
    if "--check" in sys.argv[1:] and stale:
        print(f"stale: {', '.join(stale)}; run docs/generate.py")
        return 1
    return 0


sys.exit(main())
