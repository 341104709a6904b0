# SPDX-License-Identifier: MIT
"""One `assay issuer` for a test program, ended by its own process id."""

import json
import pathlib
import select
import ssl
import subprocess
import time
import urllib.request

SECONDS = 60  # bound of every wait; sanitizers are slow


class Issuer:
    def __init__(self, command, folder, *options, tls=True, audience=None):
        self.ca = str(pathlib.Path(folder) / f"ca-{time.monotonic_ns()}.pem")
        self.audience = audience
        tls_options = ["--tls", "--ca-out", self.ca] if tls else []
        self.process = subprocess.Popen(
            [command, "issuer", "--port", "0", "--json", *tls_options, *options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.stop()
            raise RuntimeError("the development issuer did not start")
        self.about = json.loads(line)
        self.url = self.about["url"]
        self.base = self.about["base"]
        self.context = ssl.create_default_context(cafile=self.ca) if tls else None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait(SECONDS)
        self.process.stdout.close()
        return status

    def call(self, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=headers or {})
        with urllib.request.urlopen(request, timeout=SECONDS, context=self.context) as answer:
            return answer.read().decode()

    def mint(self, claims=None, **members):
        return self.call("/mint", {"claims": {"aud": self.audience, **(claims or {})}, **members})

    def stats(self):
        return json.loads(self.call("/stats"))
