# SPDX-License-Identifier: MIT
"""An example server for a test program, ended by its own process id. Nothing sleeps for luck: what is waited for is looked at, with a bound."""

import os
import pathlib
import re
import select
import socket
import subprocess
import time

from dev_issuer import SECONDS


def until(what, condition):
    """Look until it is so."""
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {SECONDS} s: {what}")
        time.sleep(0.005)


class Server:
    """One example, ended by its own process id."""

    def __init__(self, program, folder, *arguments, env=None):
        self.log = pathlib.Path(folder) / "server.log"
        self.said = b""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=log, env=env)
        try:
            self.port = int(self.hear(rb"listening on (\d+)\n")[0])
        except AssertionError:
            self.stop()
            raise

    def hear(self, pattern, times=1):
        """What the program prints on standard output."""
        end = time.monotonic() + SECONDS
        while len(found := re.findall(pattern, self.said)) < times:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not more:
                raise AssertionError(f"did not print {pattern}: {self.said} {self.log.read_text(errors='replace')}")
            self.said += more
        return found

    def stop(self):
        """The exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(SECONDS)
            status = "not in time"
        if not self.process.stdout.closed:
            self.said += self.process.stdout.read()
            self.process.stdout.close()
        return status

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
