#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints "passed failed skipped" of a testlog.json of meson. A program of cmocka or unittest counts by its cases, any other test as one.

Whether something failed is what meson says by exit status; cmocka's own lines only say how many cases there were.
"""

import json
import re
import sys


def cases(output, verdict):
    return sum(int(number) for number in re.findall(rf"^\[  {verdict} +\] (\d+) test\(s\)", output, re.M))


def main():
    passed = failed = skipped = 0
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            output = test.get("stdout", "") + "\n" + test.get("stderr", "")
            good, bad, left = (cases(output, verdict) for verdict in ("PASSED", "FAILED", "SKIPPED"))
            ran = re.search(r"^Ran (\d+) tests? in ", output, re.M)
            if ran:  # Python's unittest
                ended = dict(re.findall(r"(failures|errors|skipped)=(\d+)", output[ran.end() :]))
                bad, left = int(ended.get("failures", 0)) + int(ended.get("errors", 0)), int(ended.get("skipped", 0))
                good = int(ran[1]) - bad - left
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                # A program without any case, or whose cases all failed and yet ended with 0, is no good test.
                if bad or (good + left == 0 and "[==========]" in output):
                    bad = max(bad, 1)
                elif good + left == 0:
                    good = 1
            elif test["result"] == "SKIP" and not bad:  # cmocka's status is the number of failures: 77 of them are no skip
                good, bad, left = 0, 0, 1
            else:
                bad = max(bad, 1)
            passed, failed, skipped = passed + good, failed + bad, skipped + left
    print(passed, failed, skipped)
    return 0


sys.exit(main())
