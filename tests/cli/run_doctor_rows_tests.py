#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""assay doctor: every row of the table of diagnoses, one shape of its JSON, and nothing secret in it: run_doctor_rows_tests.py COMMAND [TEST…]"""

import base64
import json
import pathlib
import random
import re
import sys
import threading
import unittest
import uuid

from acquiring import Acquiring
from canned import Canned
from json_schema import Schema
from token_shapes import APP, EXCHANGE_AUDIENCE, OTHER, SUBJECT, TENANT, TokenTests, encode

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = (ROOT / "lib/acquire/diagnosis.def").read_text()
ROWS = {int(row) for row in re.findall(r"^ROW\((\d+),", TABLE, re.M)}
ENTRA = {int(number): int(row) for number, row in re.findall(r"^ENTRA\((\d+), (\d+)\)", TABLE, re.M)}
SCHEMA = Schema(json.loads((ROOT / "docs/doctor.schema.json").read_text()))
IMDS_PROBE = (400, {}, {"error": "bad_request_102", "error_description": "Required metadata header not specified"})
KUBERNETES = "6dae42f8-4368-4678-94ff-3960e28e3643"


def unsigned(claims):
    """A JWT that nobody signed: what it says is all that counts here."""
    return ".".join([encode(json.dumps({"alg": "RS256", "kid": "k"}).encode()), encode(json.dumps(claims).encode()),
                     encode(random.randbytes(64))])


class Checked(Acquiring):
    """Case 94 with each run: whatever came of it has the one shape."""
    seen = set()

    def doctor(self, *arguments, **how):
        said = super().doctor(*arguments, **how)
        self.assertTrue(SCHEMA.accepts(said), json.dumps(said, indent=1))
        if said["diagnosis"]:
            self.seen.add(said["diagnosis"]["row"])
        self.seen.update(check["row"] for check in said["checks"] if check["row"])
        return said

    def row(self, said, row, *statuses):
        found = (said["diagnosis"] or {"row": None})["row"]
        self.assertEqual((found, said["status"] in (statuses or (1,))), (row, True), json.dumps(said, indent=1))
        self.assertEqual(said["failed_layer"], said["diagnosis"]["layer"])


class Rows(Checked):
    """Case 92: each row from a canned answer, as far as a command can meet it."""

    def setUp(self):
        super().setUp()
        self.issuer.call("/apps", self.application())

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.seen.clear()

    def test_case_92_errors_of_entra(self):
        self.assertGreater(len(ENTRA), 60)
        for number, row in sorted(ENTRA.items()):
            with self.subTest(number):
                self.issuer.call("/fault", {"target": "token", "kind": "aadsts", "value": number})
                transient = row in (36, 38)
                said = self.doctor("--timeout", "15" if transient else "30")
                self.row(said, row, 3 if transient else 1)
                self.assertEqual(said["failure"]["server_code"], f"AADSTS{number}")
                self.assertRegex(said["failure"]["correlation_id"], r"\A[0-9a-f-]{36}\Z")

    def test_case_92_94_unknown_number(self):
        self.issuer.call("/fault", {"target": "token", "kind": "aadsts", "value": 999999})
        said = self.doctor()
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]), (1, "exchange", None))
        self.assertIn("AADSTS999999", self.check(said, "token")["text"])

    def test_case_92_rows_36_and_38_by_status(self):
        self.issuer.call("/fault", {"target": "token", "kind": "throttled", "value": 60})
        self.row(self.doctor("--timeout", "2"), 36, 3)
        self.issuer.call("/fault", {"target": "token", "kind": "status-html", "value": 502})
        self.row(self.doctor("--timeout", "15"), 38, 3)

    def machine(self, answer, *options):
        """IMDS that is there, and then says this."""
        def serve(request):
            return answer if request.headers.get("Metadata") else IMDS_PROBE

        with Canned(serve) as imds:
            return self.doctor("managed", "--timeout", "2", *options, env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST=imds.url))

    def test_case_92_rows_of_imds(self):
        refusal = {"error": "invalid_request", "error_description": "Identity not found"}
        self.row(self.machine((400, {}, refusal)), 40)
        refusal["error_description"] = "Multiple user assigned identities exist, please specify the clientId"
        self.row(self.machine((400, {}, refusal)), 41)
        self.row(self.machine(IMDS_PROBE), 42, 1, 3)
        self.row(self.machine((502, {"Content-Type": "text/html"}, "<html>bad gateway</html>")), 43, 3)
        self.row(self.machine((410, {}, "")), 45, 3)
        self.row(self.machine((429, {}, "")), 45, 3)
        with Canned(lambda _: (403, {"Content-Type": "text/html"}, "<html>no</html>")) as other:
            self.row(self.doctor("managed", env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST=other.url)), 43, 3)
        self.row(self.doctor("managed", env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST="http://127.0.0.1:9")), 44, 3)

    def test_case_92_rows_of_other_agents(self):
        with Canned(lambda _: (400, {}, {"statusCode": 400, "message": "No User Assigned or Delegated Managed Identity found"})) as agent:
            self.row(self.doctor(env=self.bare(IDENTITY_ENDPOINT=agent.url + "/msi/token", IDENTITY_HEADER="h" * 20)), 46)
        with Canned(lambda _: (401, {}, "")) as agent:
            self.row(self.doctor(env=self.bare(IDENTITY_ENDPOINT=agent.url + "/metadata/identity/oauth2/token", IMDS_ENDPOINT=agent.url)), 47, 1, 3)

    def agent_that_falls_silent(self, answers, *options):
        """App Service, which gives these answers and then none while anybody waits."""
        left, ended = list(answers), threading.Event()

        def serve(_):
            if left:
                return left.pop(0)
            ended.wait(60)
            return 500, {}, ""

        with Canned(serve) as agent:
            try:
                return self.doctor("managed", *options, env=self.bare(IDENTITY_ENDPOINT=agent.url + "/msi/token", IDENTITY_HEADER="h" * 20))
            finally:
                ended.set()

    def test_time_that_ends_before_the_second_answer(self):
        said = self.agent_that_falls_silent([(503, {}, {"statusCode": 503, "message": "being moved"})], "--timeout", "3")
        self.row(said, 46, 3)
        self.assertEqual(said["failure"]["code"], "ASSAY_E_GRANT_UNAVAILABLE")
        for text in (said["failure"]["message"], self.check(said, "token")["text"]):
            self.assertIn("status 503: being moved; the time was up before another try was answered", text)
        said = self.agent_that_falls_silent([], "--timeout", "1")
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]), (3, "managed-identity", None))
        self.assertEqual(said["failure"]["code"], "ASSAY_E_TIMEOUT")
        self.assertIn("127.0.0.1", said["failure"]["message"])

    def test_case_92_rows_64_and_66_of_the_token(self):
        claims = {"aud": "spn:" + KUBERNETES, "tid": TENANT, "appid": APP, "oid": OTHER}
        answer = (200, {}, {"access_token": unsigned(claims), "token_type": "Bearer", "expires_on": "4102444800", "resource": KUBERNETES})
        self.row(self.machine(answer, "--resource", "aks", "--resource-status", "401"), 66)
        claims = {"aud": KUBERNETES, "scp": "user", "oid": OTHER, "_claim_names": {"groups": "src1"}}
        answer[2]["access_token"] = unsigned(claims)
        said = self.machine(answer, "--resource", "aks")
        self.assertEqual((self.check(said, "groups")["row"], said["token"]["claims"]["groups_overage"]), (64, True))
        self.assertNotIn(OTHER, json.dumps(said))  # the object id of a user

    def test_case_92_row_68_google(self):
        for error in ("invalid_target", "invalid_grant"):
            with Canned(lambda _, error=error: (400, {}, {"error": error, "error_description": "no"})) as google:
                said = self.doctor("google", "--token-file", self.token_file, "--audience", "//iam.googleapis.com/projects/1", "--scope", "x",
                                   "--token-endpoint", google.url + "/v1/token", "--allow-loopback-http", env=self.bare())
            self.row(said, 68)

    def test_case_94_the_same_members_whatever_happened(self):
        ends = [self.doctor(), self.doctor("--offline"), self.doctor("--client-id", OTHER), self.doctor("--offline", env=self.bare()),
                self.doctor("--offline", env=self.bare(KUBERNETES_SERVICE_HOST="10.0.0.1")), self.doctor("--resource-status", "403")]
        self.assertEqual([said["status"] for said in ends], [0, 0, 1, 2, 2, 1])
        self.assertEqual({tuple(said) for said in ends}, {tuple(SCHEMA.root["properties"])})

    def test_every_row_is_told_somewhere(self):
        """Rows that other programs of tests reach: environment, files, network, proxies, resources, jobs."""
        here = pathlib.Path(__file__).parent
        text = "".join((here / name).read_text() for name in ("run_doctor_tests.py", "run_doctor_places_tests.py"))
        elsewhere = set(range(49, 64)) | {65}
        named = {int(number) for name in re.findall(r"def test_\w*rows?_(\w+)", text) for number in re.findall(r"\d+", name)}
        for first, last in re.findall(r"def test_\w*rows?_(\d+)_to_(\d+)", text):
            named |= set(range(int(first), int(last) + 1))
        for row in elsewhere:
            self.assertTrue(row in named or f", {row}, " in text or f", {row})" in text, row)
        # 39 of them are Entra's. Row 48 is for Service Fabric, which the library does not speak to; row 67 for libraries that probe IMDS again.
        self.assertEqual(ROWS, set(range(1, 40)) | set(range(40, 49)) | elsewhere | {64, 66, 67, 68})


class Secrets(Checked):
    """Case 93: no 16 bytes of a token or secret, whatever goes wrong."""
    RUNS = 120

    def setUp(self):
        super().setUp()
        self.random = random.Random(93)

    def secret(self, size=40):
        return base64.b64encode(self.random.randbytes(size)).decode()

    def broken(self, token):
        """The token, or something that came of it."""
        at = self.random.randrange(len(token))
        return self.random.choice([
            token, token[:at], token[at:], token.replace(".", "\n"), token + token, token[:at] + "\0" + token[at:], token + "\n\n",
            '{"access_token":"' + token + '"}', token.replace(".", " . "), "Bearer " + token, token[::-1], token[:at] + "%" + token[at + 1:],
            json.dumps(token), token + "." + token])

    def answers(self, given, access):
        """A server that means ill, or well: it may say again what it was sent."""
        def serve(request):
            sent = list(request.form.values()) + [value for name, value in request.headers.items() if name.lower() not in ("host", "accept")]
            given.update(value for value in request.form.values() if len(value) > 40 and " " not in value)
            said = self.random.choice(sent or ["nothing"])
            kind = self.random.randrange(9)
            if kind < 3:
                return 200, {}, {"access_token": access, "token_type": "Bearer", "expires_in": 3599, "expires_on": "4102444800",
                                 "resource": said, "value": access}
            error = {"error": self.random.choice(["invalid_client", "invalid_grant", access, said]), "error_codes": [700213],
                     "error_description": f"AADSTS700213: no {said} and {access}", "trace_id": said, "correlation_id": access, "claims": said,
                     "message": said, "suberror": said}
            return self.random.choice([(400, {}, error), (401, {"WWW-Authenticate": f"Basic realm={said}"}, error),
                                       (502, {"Content-Type": "text/html"}, f"<html>{said} {access}</html>"),
                                       (200, {}, f"{said} {access}"), (200, {}, {"access_token": access, "error": said}),
                                       (302, {"Location": f"https://a.example/?{access}"}, said)])
        return serve

    def variables(self, url, kind, token):
        secret, header, bearer, password = (self.secret() for _ in range(4))
        path = self.write("fuzzed", self.broken(token))
        swapped = self.random.random() < 0.2  # the secret in the place of something that is shown
        own = {
            "workload": {"AZURE_FEDERATED_TOKEN_FILE": token if swapped else path},
            "secret": {"AZURE_CLIENT_SECRET": secret},
            "certificate": {"AZURE_CLIENT_CERTIFICATE_PATH": secret if swapped else path, "AZURE_CLIENT_CERTIFICATE_PASSWORD": password},
            "github": {"ACTIONS_ID_TOKEN_REQUEST_URL": secret if swapped else url + "/github/token?x=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer},
            "managed": self.random.choice([{"AZURE_POD_IDENTITY_AUTHORITY_HOST": url},
                                           {"IDENTITY_ENDPOINT": url + "/msi/token", "IDENTITY_HEADER": header}]),
        }[kind]
        who = {"AZURE_CLIENT_ID": secret if swapped else APP, "AZURE_TENANT_ID": header if self.random.random() < 0.1 else TENANT}
        proxy = {"HTTPS_PROXY": f"http://name:{password}@127.0.0.1:9"} if self.random.random() < 0.3 else {}
        return {**own, **who, "AZURE_AUTHORITY_HOST": None if kind == "managed" else url, **proxy}, {secret, header, bearer, password}

    def test_case_93_no_16_bytes_of_anything_secret(self):
        results = set()
        for run in range(self.RUNS):
            kind = self.random.choice(["workload", "workload", "secret", "certificate", "github", "managed"])
            token = self.service_account(aud=self.random.choice([[EXCHANGE_AUDIENCE], ["api://AKSIdentityBinding"], ["a"] * 9]),
                                         sub=self.random.choice([SUBJECT, "alice@example.com", str(uuid.uuid4())]))
            access = self.random.choice([self.secret(300), unsigned({"aud": "a", "upn": "alice@example.com", "oid": OTHER, "scp": "x"})])
            given = set()
            with Canned(self.answers(given, access), self.random.choice([0, 0, 4000])) as server:
                variables, secrets = self.variables(server.url, kind, token)
                options = ["--allow-loopback-http", "--timeout", "1", *(["--offline"] if self.random.random() < 0.2 else [])]
                done = self.command_line("doctor", kind, *options, *self.random.choice([[], ["--json"]]), env=self.bare(**variables))
            self.assertIn(done.status, (0, 1, 2, 3), done.err)
            results.add(done.status)
            with self.subTest(run=run, kind=kind):
                self.none_of(done.out + done.err, secrets | given | {token, access})
                for person in ("alice@example.com",):
                    self.assertNotIn(person, done.out + done.err)
        self.assertEqual(results, {0, 1, 2, 3})

    def none_of(self, text, secrets):
        for secret in secrets:
            for at in range(len(secret) - 15):
                self.assertNotIn(secret[at:at + 16], text)


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
