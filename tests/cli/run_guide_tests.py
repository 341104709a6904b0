#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands of two guides about getting tokens do what the guides say: run_guide_tests.py COMMAND POD

Blocks of shell are run in their order, by one shell. A block that is one `assay issuer` starts it, on a port of the kernel's choice that
takes the place of the written one.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(os.environ.get("ASSAY_TEST_ROOT") or pathlib.Path(__file__).resolve().parents[2])
SECONDS = 60


def blocks(guide, heading):
    section = (ROOT / "docs/guide" / guide).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)


def start(command, folder, block, ports):
    """The issuer of a block; its port is noted for the blocks that follow."""
    options = block.split("assay issuer ")[1].strip().replace('"$PWD', str(folder)).replace('"', "").split()
    written = options[options.index("--port") + 1]
    options[options.index("--port") + 1] = "0"
    log = folder / f"{written}.url"
    with open(log, "wb") as output:
        process = subprocess.Popen([command, "issuer", *options], stdout=output, stderr=subprocess.DEVNULL, cwd=folder)
    until = time.monotonic() + SECONDS
    while not log.read_text().endswith("\n") and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    ports[written] = re.search(r":(\d+)", log.read_text())[1]
    return process


def run(folder, script, ports):
    for written, real in ports.items():
        script = script.replace(f":{written}", f":{real}")
    done = subprocess.run(["bash", "-xeuo", "pipefail"], input=script.encode(), capture_output=True, timeout=SECONDS, cwd=folder)
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stdout.decode()[-300:]}\n{done.stderr.decode()[-2000:]}"
    return done.stdout.decode(), done.stderr.decode()


def expect_endpoints(output, _):
    """What the examples promise, in what they printed."""
    assert output.count('"access_token"') >= 11, output
    assert "AADSTS7000215" in output and '"accessToken"' in output and '"value"' in output and '"oidcToken"' in output, output
    assert '"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"' in output, output
    told, counted = re.search(r'"([0-9a-f]{64})"\n([0-9a-f]{64})  -\n', output).groups()
    assert told == counted, (told, counted)


def expect_pods(output, log):
    """Seven pods got a token, and three say why not."""
    assert len(re.findall(r"(?m)^(?:\{\"ok\":true\})*200 \{", output)) == 7, output
    assert re.findall(r"status \d: row \d+", output) == ["status 3: row 4", "status 3: row 54", "status 3: row 36"], output
    assert re.findall(r"(?m)^  row: +(\d+), ", log) == ["4", "54", "36"], log
    assert not re.search(r"eyJ[\w-]{20}", output + log), output + log


def try_guide(command, pod, guide, heading, expect):
    issuers, ports, script = [], {}, ""
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "pod").symlink_to(pod)
    try:
        for block in blocks(guide, heading):
            if block.startswith("assay issuer ") and block.count("\n") == 1:
                issuers.append(start(command, folder, block, ports))
            else:
                script += block
        expect(*run(folder, script, ports))
    finally:
        for issuer in issuers:
            issuer.send_signal(signal.SIGTERM)
            issuer.wait(SECONDS)
        shutil.rmtree(folder)
    assert [issuer.returncode for issuer in issuers] == [0] * len(issuers)
    print(f"{guide}: {len(issuers)} issuers, all commands work")


def main(command, pod):
    try_guide(command, pod, "development-issuer.md", "Token endpoints", expect_endpoints)
    try_guide(command, pod, "workload-identity.md", "Testing", expect_pods)


if __name__ == "__main__":
    absent = [tool for tool in ("curl", "jq", "openssl") if shutil.which(tool) is None]
    if absent:
        print(f"skipped: {', '.join(absent)} is not installed")
        sys.exit(77)
    main(*(str(pathlib.Path(each).resolve()) for each in sys.argv[1:3]))
