#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The codes of include/assay/error.h and the registry lib/base/errors.def are the same, and each code has a test."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENUMERATOR = re.compile(r"^\s+ASSAY_E_(\w+) = (-?\d+),?\s", re.M)
CATEGORY = re.compile(r"^\s+ASSAY_CATEGORY_(\w+) = \d+", re.M)
ROW = re.compile(r'^ROW\((\w+), (\w+), (\d+), (NULL|"\w+"), "([^"]+)", "([^"]+)", "([^"]*)"\)$', re.M)
# The hundreds of a code tell its category.
NUMBERS = {1: "USAGE", 2: "REQUEST", 3: "TOKEN", 4: "KEYS", 5: "NETWORK", 6: "PERMISSION", 7: "CREDENTIAL", 9: "INTERNAL"}
STATUSES = {"USAGE": {500}, "REQUEST": {400, 401}, "TOKEN": {401}, "KEYS": {503}, "NETWORK": {503},
            "PERMISSION": {401, 403}, "CREDENTIAL": {401, 500, 503}, "INTERNAL": {500}}


def main():
    header = (ROOT / "include/assay/error.h").read_text()
    registry = (ROOT / "lib/base/errors.def").read_text()
    codes = [(name, int(number)) for name, number in ENUMERATOR.findall(header)]
    rows = ROW.findall(registry)
    categories = set(CATEGORY.findall(header))
    problems = []

    if len(rows) != len(re.findall(r"^ROW\(\w", registry, re.M)) or not rows:
        problems.append("errors.def: a row is not as its head describes")
    names = [row[0] for row in rows]
    numbers = [number for _, number in codes]
    problems += [f"{name}: in error.h, not in errors.def" for name, _ in codes if name not in names]
    problems += [f"{name}: in errors.def, not in error.h" for name in names if name not in dict(codes)]
    problems += [f"{name}: twice" for name in set(names) if names.count(name) > 1]
    problems += [f"{number}: used twice" for number in set(numbers) if numbers.count(number) > 1]
    if [name for name, _ in codes] != names:
        problems.append("errors.def and error.h list the codes in different orders")
    for name, category, status, _, _, _, _ in rows:
        number = dict(codes).get(name, 0)
        if category not in categories:
            problems.append(f"{name}: no category {category}")
        if number and NUMBERS.get(-number // 100) != category:
            problems.append(f"{name}: {number} is not a number of {category}")
        if int(status) not in STATUSES.get(category, set()):
            problems.append(f"{name}: {status} is not a status of {category}")

    tests = "\n".join(
        path.read_text(errors="replace")
        for path in (ROOT / "tests").glob("*/*.[ch]")
        if path.parent.name not in ("lint", "bench")
    )
    if "--without-tests" not in sys.argv[1:]:
        tested = set(re.findall(r"\bASSAY_E_(\w+)", tests))
        problems += [f"{name}: no test names ASSAY_E_{name}" for name in names if name not in tested]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
