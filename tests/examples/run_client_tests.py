#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An example that obtains tokens, against development issuers on loopback: run_client_tests.py COMMAND PROGRAM ENTRA-SERVICE [TEST…]

One issuer is the cluster whose token lies in a file, another one is Entra, and the example entra_service is what the tokens are for.
"""

import base64
import http.client
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from dev_issuer import SECONDS, Issuer  # noqa: E402
from example_server import Server, until  # noqa: E402

COMMAND = PROGRAM = SERVICE = ""
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
API = "11111111-2222-3333-4444-555555555555"
CLIENT = "00001111-aaaa-2222-bbbb-3333cccc4444"
IDENTITY = "22222222-3333-4444-5555-666666666666"
STOCK = "api://stock/.default"
EXCHANGE = "api://AzureADTokenExchange"
UNKNOWN = {"PATH": os.environ.get("PATH", "")} | {name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name}


class Client(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.secrets = []
        self.cluster = Issuer(COMMAND, self.folder, "--kubernetes", "--audience", EXCHANGE, tls=False)
        self.addCleanup(self.cluster.stop)
        self.entra = Issuer(COMMAND, self.folder, "--entra")
        self.addCleanup(self.entra.stop)
        self.register(claims={"roles": ["Tasks.Read.All"]})
        self.file = self.folder / "azure-identity-token"
        self.write()
        self.env = UNKNOWN | {"AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": TENANT, "AZURE_AUTHORITY_HOST": self.entra.base,
                              "AZURE_FEDERATED_TOKEN_FILE": str(self.file)}

    def register(self, **members):
        self.entra.call("/apps", {"client_id": CLIENT, "tenant": TENANT, "federated": {
            "issuer": self.cluster.url, "subject": "system:serviceaccount:default:orders", "audience": EXCHANGE}, **members})

    def write(self, **members):
        """As the kubelet does: by renaming."""
        token = self.cluster.call("/mint", members)
        self.secrets.append(token)
        aside = self.folder / "aside"
        aside.write_text(token)
        aside.rename(self.file)

    def quiet(self, text):
        """No token is printed, not even its parts; no sanitizer has anything to say."""
        for token in self.secrets:
            self.assertFalse([part for part in token.split(".")[1:] if part and part in text])
        self.assertNotIn("Sanitizer", text)
        self.assertNotIn("runtime error", text)

    def run_program(self, *arguments, env=None):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=SECONDS, env=env or self.env)
        self.quiet((done.stdout + done.stderr).decode())
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def exchanges(self):
        return self.entra.stats()["token"]


class Resource(http.server.BaseHTTPRequestHandler):
    """A service that refuses tokens with a claims challenge, so many times."""

    def do_GET(self):
        self.server.seen.append(self.headers.get_all("Authorization"))
        challenged = len(self.server.seen) <= self.server.challenges
        self.send_response(401 if challenged else 200)
        if challenged:
            claims = base64.b64encode(json.dumps({"access_token": {"nbf": {"essential": True, "value": "1"}}}).encode()).decode()
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("WWW-Authenticate", f'Bearer realm="", error="insufficient_claims", claims="{claims}"')
        self.end_headers()
        self.wfile.write(b"nothing\n" if challenged else self.server.text)

    def log_message(self, *_):
        pass


class Pod(Client):
    def setUp(self):
        super().setUp()
        self.service = Server(SERVICE, self.folder, API, TENANT, "--dev-issuer", self.entra.base, "--ca-file", self.entra.ca)
        self.addCleanup(self.service.stop)
        self.tasks = f"http://127.0.0.1:{self.service.port}/tasks"

    def pod(self, url, scope, *options, env=None):
        return self.run_program(url, scope, "--ca-file", self.entra.ca, *options, env=env)

    def resource(self, challenges):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Resource)
        server.seen, server.challenges, server.text = [], challenges, b"something\n"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join, SECONDS)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, f"http://127.0.0.1:{server.server_port}/"

    def refused(self, row, layer, *texts, env=None):
        status, out, err = self.pod(self.tasks, API, env=env)
        self.assertEqual((status, out), (3, ""), err)
        for text in (f"row:         {row}, ", f"layer:       {layer}\n", "fix:         ", *texts):
            self.assertIn(text, err)

    def test_the_exchanged_token_is_accepted(self):
        for scope in (API, f"{API}/.default", f"api://{API}", f"api://{API}/.default"):
            status, out, err = self.pod(self.tasks, scope)
            self.assertEqual((status, err), (0, ""), out)
            self.assertRegex(out, rf"\A200 tasks for application entra\|{TENANT}\|[0-9a-f-]{{36}}\n\Z")

    def test_a_token_without_the_role_is_refused_by_the_service(self):
        self.assertEqual(self.pod(self.tasks.replace("tasks", "admin"), API), (1, "403 \n", ""))

    def test_another_environment_is_another_identity(self):
        """The same program on a machine with a managed identity: App Service, and IMDS."""
        self.entra.call("/apps", {"client_id": IDENTITY, "claims": {"roles": ["Tasks.Read.All"]}, "managed_identity": {
            "principal_id": IDENTITY.replace("2", "7"), "resource_id": "/ids/pod"}})
        for variables in ({"IDENTITY_ENDPOINT": f"{self.entra.base}/msi/token", "IDENTITY_HEADER": "dev-identity-header"},
                          {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.entra.base}):
            status, out, err = self.pod(self.tasks, API, env=UNKNOWN | variables)
            self.assertEqual((status, err), (0, ""), out)
            self.assertEqual(out, f"200 tasks for managed identity entra|{TENANT}|{IDENTITY.replace('2', '7')}\n")

    def test_one_token_for_many_calls(self):
        program = subprocess.Popen([PROGRAM, self.tasks, API, "--ca-file", self.entra.ca, "--every", "1"], env=self.env,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = [program.stdout.readline() for _ in range(3)]
        program.send_signal(signal.SIGTERM)
        rest, err = program.communicate(timeout=SECONDS)
        self.assertEqual((program.returncode, rest, err), (0, b"", b""))
        self.assertTrue(all(line.startswith(b"200 ") for line in lines), lines)
        self.assertEqual(self.exchanges(), 1)

    def test_refusals_have_rows(self):
        self.write(name="other")
        self.refused(4, "exchange", "AADSTS700213", '"system:serviceaccount:default:other"')
        self.write(forge="audience")
        self.refused(3, "exchange", "AADSTS700212")
        self.file.unlink()
        self.refused(51, "token-file")
        self.refused(50, "environment", "AZURE_CLIENT_ID",
                     env={name: value for name, value in self.env.items() if name != "AZURE_CLIENT_ID"})

    def test_throttled(self):
        self.entra.call("/fault", {"target": "token", "kind": "throttled", "value": 90})
        self.refused(36, "exchange", "again:       after 90 s\n")

    def test_claims_challenge(self):
        server, url = self.resource(challenges=1)
        status, out, err = self.pod(url, API)
        self.assertEqual((status, out, err), (0, "200 something\n", "the service wants other claims in the token\n"))
        self.assertEqual([len(values) for values in server.seen], [1, 1])
        self.assertNotEqual(server.seen[0], server.seen[1], "the second token is another one")
        self.assertEqual(self.exchanges(), 2)

    def test_words_of_the_service_are_no_commands(self):
        server, url = self.resource(challenges=0)
        server.text = b"a\x1b[2J\xc2\x9bb\n"
        self.assertEqual(self.pod(url, API, env=self.env | {"http_proxy": "http://127.0.0.1:9"}), (0, "200 a?[2J??b\n", ""))

    def test_a_second_challenge_is_the_end(self):
        server, url = self.resource(challenges=99)
        self.assertEqual(self.pod(url, API)[:2], (1, "401 nothing\n"))
        self.assertEqual((len(server.seen), self.exchanges()), (2, 2))

    def test_tls_and_nothing_less(self):
        metadata = f"{self.entra.base}/{TENANT}/v2.0/.well-known/openid-configuration"
        status, out, err = self.pod(metadata, API)
        self.assertEqual((status, out[:5], err), (0, "200 {", ""))
        server, url = self.resource(challenges=0)
        status, out, err = self.pod(url.replace("127.0.0.1", "localhost"), API)
        self.assertEqual((status, out, server.seen), (3, "", []))
        self.assertIn("no answer: ", err)
        status, out, err = self.pod(url.replace("127.0.0.1:", "127.0.0.1:1@127.0.0.1:"), API)  # the host is what follows the "@"
        self.assertEqual((status, out, server.seen), (3, "", []))
        other = Issuer(COMMAND, self.folder)  # whose CA is no CA of these
        self.addCleanup(other.stop)
        status, out, err = self.run_program(self.tasks, API, "--ca-file", other.ca)
        self.assertEqual((status, out), (3, ""))
        self.assertIn("row:         56, ", err)

    def test_usage(self):
        for arguments in ((), (self.tasks,), (self.tasks, API, "more"), (self.tasks, API, "--every", "x"), (self.tasks, API, "--no")):
            self.assertEqual(self.run_program(*arguments)[0], 2)


class OnBehalfServer(Client):
    def setUp(self):
        super().setUp()
        self.server = Server(PROGRAM, self.folder, CLIENT, TENANT, STOCK, "--dev-issuer", self.entra.base, "--ca-file",
                             self.entra.ca, env=self.env)
        self.addCleanup(self.end)

    def end(self):
        status = self.server.stop()
        log = self.server.log.read_text(errors="replace")
        self.assertEqual(status, 0, log)
        self.quiet(log + self.server.said.decode())

    def user(self, **claims):
        token = self.entra.call("/mint", {"entra": "user", "claims": {"aud": CLIENT, "scp": "Orders.Read", **claims}})
        self.secrets.append(token)
        return token

    def application(self):
        token = self.entra.call("/mint", {"entra": "daemon", "claims": {"aud": CLIENT}})
        self.secrets.append(token)
        return token

    def ask(self, token=None):
        """Status, challenge, Retry-After and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        try:
            connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.getheader("WWW-Authenticate"), answer.getheader("Retry-After"), answer.read().decode()
        finally:
            connection.close()

    def good(self, token):
        status, challenge, retry, text = self.ask(token)
        self.assertEqual((status, challenge, retry), (200, None, None), self.server.log.read_text())
        self.assertRegex(text, r"\ABearer token for \S+, for \d+ s\n\Z")

    def grants(self):
        asked = []
        for request in json.loads(self.entra.call("/requests")):
            asked += [each["value"] for each in request["parameters"] if each["name"] == "grant_type"]
        return asked

    def test_on_behalf_of_each_user(self):
        alice, bob = self.user(), self.user(sub="bob")
        for token in (alice, bob, alice, bob):
            self.good(token)
        self.assertEqual(self.grants(), ["urn:ietf:params:oauth:grant-type:jwt-bearer"] * 2)

    def test_in_its_own_name_for_applications(self):
        for _ in range(3):
            self.good(self.application())
        self.assertEqual(self.grants(), ["client_credentials"])

    def test_callers_are_refused_before_anything_is_asked_for(self):
        self.assertEqual(self.ask()[:2], (401, "Bearer"))
        self.assertEqual(self.ask("abc")[0], 401)
        self.assertEqual(self.ask(self.user(aud=API))[0], 401)
        status, challenge, _, _ = self.ask(self.user(scp="Other"))
        self.assertEqual(status, 403)
        self.assertIn("insufficient_scope", challenge)
        self.assertEqual(self.exchanges(), 0)

    def test_claims_go_up_to_the_caller(self):
        """Case 86."""
        self.entra.call("/fault", {"target": "token", "kind": "aadsts", "value": 50076, "count": 1})
        alice = self.user()
        status, challenge, _, text = self.ask(alice)
        self.assertEqual((status, text), (401, ""))
        self.assertIn('error="insufficient_claims"', challenge)
        claims = challenge.split('claims="')[1].split('"')[0]
        self.assertIn("access_token", json.loads(base64.b64decode(claims)))
        self.good(alice)

    def test_a_slow_answer_holds_up_nobody_else(self):
        alice, bob = self.user(), self.user(sub="bob")
        self.good(bob)
        self.entra.call("/fault", {"target": "token", "kind": "slow", "value": 20000, "count": 1})
        waiting = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        waiting.request("GET", "/", headers={"Authorization": f"Bearer {alice}"})
        until("an exchange", lambda: self.exchanges() == 2)
        started = time.monotonic()
        self.good(bob)
        self.assertEqual(self.ask()[0], 401)
        self.end()  # with an operation under way
        self.assertLess(time.monotonic() - started, 10)
        waiting.close()

    def test_the_own_credential_is_broken(self):
        self.write(name="other")
        self.assertEqual(self.ask(self.user()), (500, None, None, ""))
        self.assertIn("federation-subject", self.server.log.read_text())


class BearerCallback(Client):
    def test_both_shapes(self):
        status, out, err = self.run_program(STOCK, self.entra.ca)
        self.assertEqual((status, err), (0, ""), out)
        self.assertRegex(out, r"\Adatabase: a token, when the descriptor was ready\nbroker: a token, and the next one is asked for "
                              r"within \d+ s\nanother connection: a token, at once\n\Z")
        self.assertEqual(self.exchanges(), 1)

    def test_both_say_why_not(self):
        self.write(name="other")
        status, out, err = self.run_program(STOCK, self.entra.ca)
        self.assertEqual((status, out), (3, ""))
        for name in ("database: ", "broker: "):
            self.assertRegex(err, rf"(?m)^{name}.*AADSTS700213.*\(ASSAY_E_GRANT, row 4\); .*federated-credential")

    def test_usage_and_environment(self):
        self.assertEqual(self.run_program()[0], 2)
        status, _, err = self.run_program(STOCK, env=self.env | {"AZURE_TENANT_ID": "../x"})
        self.assertEqual(status, 3)
        self.assertIn("ASSAY_E_CONFIG_TENANT", err)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    COMMAND, PROGRAM, SERVICE = (str(pathlib.Path(sys.argv.pop(1)).resolve()) for _ in range(3))
    wanted = pathlib.Path(PROGRAM).name.title().replace("_", "")  # on_behalf_server: OnBehalfServer
    sys.argv[1:] = [f"{wanted}.{name}" for name in sys.argv[1:]] or [wanted]
    unittest.main(verbosity=2)
