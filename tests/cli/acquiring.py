# SPDX-License-Identifier: MIT
"""What the tests of assay token and assay doctor share: a cluster and Entra over TLS, an application that trusts the cluster, a token file, and
the command in an environment that has nothing of this machine's own."""

import json
import os
import pathlib
import pty
import select
import subprocess
import time

from token_shapes import APP, EXCHANGE_AUDIENCE, SECONDS, SECRET, SUBJECT, TENANT, TokenTests

# What the command looks at, or what would lead it elsewhere.
FOREIGN = ("AZURE", "ACTIONS_", "GITHUB_", "SYSTEM_", "TF_BUILD", "IDENTITY_", "IMDS_", "MSI_", "KUBERNETES_", "GOOGLE_", "HTTP_PROXY",
           "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "XDG_", "DEFAULT_IDENTITY")


class Done:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def json(self):
        return json.loads(self.out)


class Acquiring(TokenTests):
    options = ("--entra",)
    tls = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place = pathlib.Path(cls.folder.name)
        cls.cluster = cls.another("--kubernetes", "--path", "/tenant/cluster/", tls=True)
        cls.issuer.call("/apps", cls.application())
        cls.token_file = cls.write("token", cls.service_account() + "\n")
        cls.secret_file = cls.write("secret", SECRET + "\n")

    @classmethod
    def application(cls, **members):
        federated = {"issuer": cls.cluster.url, "subject": SUBJECT, "audience": EXCHANGE_AUDIENCE, "ca_file": cls.cluster.ca}
        return {"client_id": APP, "tenant": TENANT, "secret": SECRET, "federated": federated, **members}

    @classmethod
    def service_account(cls, issuer=None, **claims):
        request = {"kubernetes": "service-account", "claims": {"aud": [EXCHANGE_AUDIENCE], **claims}}
        return (issuer or cls.cluster).call("/mint", request)

    @classmethod
    def write(cls, name, text, mode=0o600):
        path = cls.place / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    @classmethod
    def bare(cls, **variables):
        """An environment of nothing but these; None takes one out."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
        made = {**kept, "HOME": str(cls.place), "TERM": "xterm", **variables}
        return {name: value for name, value in made.items() if value is not None}

    @classmethod
    def pod(cls, **variables):
        """As the webhook makes it."""
        return cls.bare(**{"AZURE_CLIENT_ID": APP, "AZURE_TENANT_ID": TENANT, "AZURE_AUTHORITY_HOST": cls.issuer.base + "/",
                           "AZURE_FEDERATED_TOKEN_FILE": cls.token_file, **variables})

    def command_line(self, *arguments, env=None, stdin=b"", **process):
        done = subprocess.run([self.command, *arguments], input=stdin, env=self.pod() if env is None else env, capture_output=True,
                              timeout=SECONDS, **process)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def token(self, *arguments, **how):
        return self.command_line("token", *arguments, "--ca-file", self.issuer.ca, **how)

    def doctor(self, *arguments, **how):
        """Its JSON object; the exit status is the one that it tells."""
        trust = ["--ca-file", self.issuer.ca] if "user" not in how else []  # somebody else can't read it
        done = self.command_line("doctor", "--json", *trust, *arguments, **how)
        self.assertTrue(done.out, done.err)
        said = done.json
        self.assertEqual(said["status"], done.status)
        return said

    def on_terminal(self, *arguments, env=None):
        """Status and what a terminal shows."""
        master, slave = pty.openpty()
        process = subprocess.Popen([self.command, *arguments], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                                   env=self.pod() if env is None else env)
        os.close(slave)
        shown = b""
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end:
                ready, _, _ = select.select([master], [], [], 1)
                if not ready:
                    continue
                try:
                    part = os.read(master, 65536)
                except OSError:  # EIO: the other end is closed
                    break
                if not part:
                    break
                shown += part
        finally:
            os.close(master)
            if process.poll() is None and time.monotonic() >= end:
                process.kill()
        return Done(process.wait(SECONDS), shown.decode().replace("\r\n", "\n"), "")

    def checks(self, said, result, layer=None):
        """Names of the checks that came out so."""
        return [check["check"] for check in said["checks"] if check["result"] == result and layer in (None, check["layer"])]

    def check(self, said, name):
        found = [check for check in said["checks"] if check["check"] == name]
        self.assertEqual(len(found), 1, (name, said["checks"]))
        return found[0]
