#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""assay doctor and assay token beside servers, token files, folders and variables that mean ill: run_hostile_tests.py COMMAND [TEST…]"""

import base64
import json
import os
import re
import sys
import time
import unittest

from acquiring import Acquiring
from canned import Canned, Listener
from token_shapes import EXCHANGE_AUDIENCE, SUBJECT, TokenTests

ESCAPES = "\x1b[2J\x1b]0;title\x07\u202e\u2066\x9b31m"
# What a terminal obeys, and marks that turn the order of text.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def encoded(document):
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


class Raw(Listener):
    """A server that sends what `pieces()` makes, for as long as somebody listens."""

    def __init__(self, pieces):
        super().__init__()
        self.pieces = pieces
        self.url = "http://" + self.address

    def answer(self, client):
        client.recv(65536)
        for piece in self.pieces():
            client.sendall(piece)


def slowly(start, piece):
    yield start
    for _ in range(600):
        yield piece
        time.sleep(0.1)


def forever(start, piece):
    yield start
    while True:
        yield piece


class Hostile(Acquiring):
    def at(self, url, *options, command="doctor", env=None):
        """Its output in words, in which nothing is obeyed, within a time and of a length."""
        kind = [] if command == "doctor" else ["workload", "--resource", "arm"]
        before = time.monotonic()
        done = self.command_line(command, *kind, "--allow-loopback-http", "--timeout", "3", *options,
                                 env=self.pod(AZURE_AUTHORITY_HOST=url) if env is None else env)
        self.assertLess(time.monotonic() - before, 25)
        self.assertIn(done.status, (0, 1, 2, 3), done)
        self.assertLess(len(done.out) + len(done.err), 8000)
        self.assertIsNone(OBEYED.search(done.out + done.err), done.out + done.err)
        if command == "doctor":  # as `kubectl exec` shows it: what is a pipe here is a terminal there
            said = self.command_line(command, "--json", "--allow-loopback-http", "--timeout", "1", "--offline", *options, env=env)
            self.assertTrue(said.out.isascii())
            self.assertIsNone(OBEYED.search(said.out), said.out)
        return done

    # --- servers ---

    def test_answers_without_end(self):
        for pieces in (lambda: slowly(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), lambda: slowly(b"H", b"T"),
                       lambda: forever(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 8000 + b"\r\n"),
                       lambda: forever(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 65536),
                       lambda: slowly(b"", b"HTTP/1.1 100 Continue\r\n\r\n")):
            with Raw(pieces) as server:
                self.assertEqual(self.at(server.url).status, 3)
                self.assertEqual(self.at(server.url, command="token").status, 3)

    def test_no_answer_at_all(self):
        with Raw(lambda: ()) as server:
            self.assertIn("HTTP: it ends the connection without an answer (row 56)", self.at(server.url).out)

    def test_words_of_a_server(self):
        said = {"error": ESCAPES, "error_description": "AADSTS700213: " + ESCAPES + "'; rm -rf / " + "z" * 300000, "error_codes": [700213],
                "correlation_id": ESCAPES + "c" * 5000, "trace_id": ESCAPES + "t" * 5000, "claims": ESCAPES + "k" * 9000}
        with Canned(lambda _: (400, {}, said)) as server:
            self.assertEqual(self.at(server.url).status, 1)
            self.assertEqual(self.at(server.url, command="token").status, 1)

    def test_a_scope_is_no_place_for_what_was_sent(self):
        """The server may give back the very token that proved who asked; the doctor's words go into tickets."""
        def answer(request):
            return 200, {}, {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600,
                             "scope": request.form.get("client_assertion", "") + ESCAPES}
        with Canned(answer) as server:
            done = self.at(server.url)
            proof = (self.place / "token").read_text().strip()
            self.assertEqual((done.status, proof[:40] in done.out), (0, False), done.out)
            self.assertIn("a token of 5 bytes for arm from", done.out)

    def test_claims_of_an_access_token(self):
        token = ".".join([encoded({"alg": "RS256"}), encoded({"aud": ESCAPES + "q" * 200, "oid": "'; calc; '", "appid": "@/etc/passwd", "tid": "a\nb"}), "AA"])
        with Canned(lambda _: (200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})) as server:
            done = self.at(server.url, "--resource-status", "403")
        self.assertIn("az role assignment list --assignee OBJECT-ID --all", done.out)

    def test_no_line_more_in_a_header(self):
        for token in ("abc\r\nX-Other: 1", "abc" + ESCAPES):
            with Canned(lambda _, token=token: (200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})) as server:
                for form in ("--header", "--print", "--exec-credential"):
                    done = self.at(server.url, form, command="token")
                    self.assertEqual((done.status, done.out), (3, ""))

    def test_something_on_the_way(self):
        """A portal that wants a person, or a gateway that fails, is no authority that is well."""
        for status, headers, row in ((302, {"Location": "http://169.254.169.254/"}, 56), (403, {}, 56), (502, {}, 38)):
            with Canned(lambda _, how=(status, headers): (*how, "<html>" + ESCAPES)) as server:
                done = self.command_line("doctor", "--json", "--allow-loopback-http", "--timeout", "3", env=self.pod(AZURE_AUTHORITY_HOST=server.url))
                check = self.check(done.json, "HTTP")
                self.assertEqual((check["result"], check["row"]), ("warning", row), check)
        with Canned(lambda _: (302, {"Location": "http://169.254.169.254/"}, "")) as server:
            self.assertIn("\n  to do             ", self.at(server.url).out)  # no row is about it, and what to do is told all the same

    # --- token files ---

    def lying(self, **claims):
        now = int(time.time())
        payload = {"iss": "https://a.example", "sub": SUBJECT, "aud": [EXCHANGE_AUDIENCE], "exp": now + 3600, "iat": now, **claims}
        path = self.write("lying", ".".join([encoded({"alg": "RS256", "kid": ESCAPES}), encoded(payload), "AAAA"]))
        return self.at(None, "--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))

    def test_claims_of_a_token_file(self):
        for claims in ({"iss": "https://a.example/" + ESCAPES}, {"sub": SUBJECT + ESCAPES + "\n"}, {"aud": "A" * 40000}, {"aud": ["x" * 200] * 5000},
                       {"aud": [ESCAPES]}, {"exp": 1e308, "iat": -5, "nbf": 2 ** 62}, {"exp": 253402300799, "iat": 1}):
            self.lying(**claims)
        path = self.write("deep", ".".join([encoded({"alg": "RS256"}), base64.urlsafe_b64encode(b'{"a":' + b"[" * 20000).rstrip(b"=").decode(), "AAAA"]))
        done = self.at(None, "--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))
        self.assertIn("its 3 segments are not base64url of JSON objects", done.out)

    def test_names_that_kubectl_would_obey(self):
        for account in ("--all", "-A", ".x"):
            path = self.write("account", ".".join([encoded({"alg": "RS256"}), encoded({"sub": f"system:serviceaccount:default:{account}"}), "AAAA"]))
            said = self.doctor("--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path, AZURE_CLIENT_ID=None))
            self.assertIn("kubectl -n NAMESPACE annotate serviceaccount SERVICEACCOUNT azure.workload.identity/client-id=CLIENT-ID", said["commands"])

    # --- variables ---

    def test_variables_with_control_bytes(self):
        for name, value, row in (("AZURE_AUTHORITY_HOST", "https://a.example" + ESCAPES, 28), ("AZURE_AUTHORITY_HOST", "https://a.example:999999", 28),
                                 ("AZURE_TENANT_ID", "a.example\n", 27), ("AZURE_KUBERNETES_TOKEN_PROXY", "https://a.example/\x1b[2J", 60)):
            done = self.at(None, "--offline", env=self.pod(**{name: value}))
            self.assertEqual(done.status, 2, done.out)
            self.assertIn(f"  row               {row}, ", done.out)
        for name in ("AZURE_FEDERATED_TOKEN_FILE", "HTTPS_PROXY", "AZURE_KUBERNETES_CA_FILE"):
            self.at(None, "--offline", env=self.pod(**{name: "/x" + ESCAPES, "AZURE_KUBERNETES_TOKEN_PROXY": "https://a.example"}))
        token = (self.place / "token").read_text().strip()
        done = self.at(None, "--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=token))  # the token in the place of its file's name
        self.assertEqual((token in done.out, "(row 51)" in done.out), (False, True))

    def test_what_kubectl_tells(self):
        for text in ('{"apiVersion": "client.authentication.k8s.io/v9' + ESCAPES.encode("unicode_escape").decode() + '", "kind": "ExecCredential"}', "[]", "x",
                     "[" * 100000):
            done = self.command_line("token", "workload", "--exec-credential", env=self.pod(KUBERNETES_EXEC_INFO=text))
            self.assertEqual((done.status, done.out), (2, ""))
            self.assertIsNone(OBEYED.search(done.err), done.err)

    # --- files of others ---

    def test_folder_of_kept_tokens(self):
        """Links, FIFOs and folders of others in its place: no file of somebody's is touched, and the token comes without it."""
        base = self.place / "xdg"
        base.mkdir(exist_ok=True)
        folder, victim = base / "assay", self.place / "victim"
        victim.write_text("precious")
        arguments = ["workload", "--exec-credential"]
        env = self.pod(XDG_CACHE_HOME=str(base))
        makers = (lambda: folder.symlink_to(self.place), lambda: folder.mkdir(mode=0o755), lambda: os.mkfifo(folder), lambda: folder.write_text("x"))
        for make in makers:
            make()
            done = self.token(*arguments, env=env)
            self.assertEqual(done.status, 0, done.err)
            self.assertIn("kept tokens can't be shared", done.err)
            folder.rmdir() if folder.is_dir() and not folder.is_symlink() else folder.unlink()
        self.assertEqual((self.token(*arguments, env=env).status, len(list(folder.iterdir())) > 0), (0, True))
        for put in (lambda path: path.symlink_to(victim), os.mkfifo):
            for path in list(folder.iterdir()):
                path.unlink()
                put(path)
            done = self.token(*arguments, env=env)
            self.assertEqual((done.status, victim.read_text()), (0, "precious"), done.err)

    def google(self, **members):
        account = {"type": "external_account", "audience": "//iam.googleapis.com/projects/1/x", "token_url": "https://127.0.0.1:1/token",
                   "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": {"file": self.token_file}, **members}
        return self.bare(GOOGLE_APPLICATION_CREDENTIALS=self.write("account", json.dumps(account)))

    def test_account_of_google(self):
        """The doctor looks where the file leads, and not where most files would lead."""
        said = self.doctor("google", "--scope", "s", env=self.google())
        self.assertEqual((said["status"], self.checks(said, "failed")), (3, ["TCP"]), said)
        self.assertIn("127.0.0.1, port 1", self.check(said, "TCP")["text"])
        self.assertIn(self.token_file, self.check(said, "file")["text"])
        touched = self.place / "touched"
        for members in ({"credential_source": {"executable": {"command": f"touch {touched}"}}}, {"token_url": "http://169.254.169.254/token"},
                        {"credential_source": {"url": "http://169.254.169.254/token"}}):
            said = self.doctor("google", "--scope", "s", env=self.google(**members))
            self.assertEqual((said["status"], said["failed_layer"], self.checks(said, "failed")), (2, "environment", ["GOOGLE_APPLICATION_CREDENTIALS"]), said)
            self.assertEqual((self.checks(said, "skipped", "exchange"), self.checks(said, "skipped", "network")), (["token"], ["server"]), said)
            self.assertTrue(said["failure"]["hint"])
            self.assertEqual(self.token("google", "--scope", "s", env=self.google(**members)).status, 2)
        self.assertFalse(touched.exists())

    def test_what_the_chain_passed_over(self):
        done = self.command_line("token", "--resource", "arm", "--timeout", "3", env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST="http://127.0.0.1:9"))
        self.assertEqual((done.status, done.out), (3, ""))
        for text in ("client-secret: AZURE_CLIENT_SECRET is not set", "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set"):
            self.assertIn(f"  skipped           {text}\n", done.err)


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
