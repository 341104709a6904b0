#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The development issuer's endpoints of managed identities and of CI jobs, over plain HTTP on loopback:
run_issuer_managed_tests.py COMMAND [TEST…]"""

import datetime
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time
import unittest

from token_shapes import API, APP, EXCHANGE_AUDIENCE, OTHER, TENANT, TokenTests, decode, sha256

IMDS = "/metadata/identity/oauth2/token"
RESOURCE = "https://vault.azure.net"
METADATA = [("Metadata", "true")]
FIRST = {"client_id": APP, "managed_identity": {"principal_id": OTHER, "resource_id": "/subscriptions/s/ids/First"}}
SECOND = {"client_id": API, "tenant": OTHER, "managed_identity": {"principal_id": TENANT, "resource_id": "/subscriptions/s/ids/second"}}


class Managed(TokenTests):
    @classmethod
    def setUpClass(cls):
        cls.arc = tempfile.mkdtemp()
        cls.options = ("--entra", "--arc-folder", cls.arc)
        super().setUpClass()
        cls.issuer.call("/apps", FIRST)
        cls.issuer.call("/apps", SECOND)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        left = [path for path in pathlib.Path(cls.arc).rglob("*") if path.is_file() and not path.is_symlink()]
        shutil.rmtree(cls.arc)
        assert left == [], left

    def imds(self, headers=METADATA, version="2018-02-01", resource=RESOURCE, **query):
        asked = {"api-version": version, "resource": resource, **query}
        return self.get(IMDS, {name: value for name, value in asked.items() if value is not None}, headers)

    def says(self, answer, status, text):
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(text, answer.body)

    # --- IMDS ---

    def test_imds(self):
        before = int(time.time())
        for query, app in (({"client_id": APP}, FIRST), ({"client_id": API.upper()}, SECOND), ({"object_id": OTHER}, FIRST),
                           ({"msi_res_id": "/SUBSCRIPTIONS/s/ids/first"}, FIRST)):
            answer = self.imds(**query)
            self.assertEqual(answer.status, 200, answer.body)
            said = answer.json
            self.assertTrue(all(type(value) is str for value in said.values()), said)
            self.assertEqual(sorted(said), ["access_token", "client_id", "expires_in", "expires_on", "not_before", "resource",
                                            "token_type"])
            self.assertEqual((said["resource"], said["token_type"], said["expires_in"]), (RESOURCE, "Bearer", "86399"))
            self.assertLessEqual(abs(int(said["expires_on"]) - before - 86399), 5)
            _, claims = decode(said["access_token"])
            self.assertEqual((claims["oid"], claims["appid"], claims["aud"]),
                             (app["managed_identity"]["principal_id"], app["client_id"], RESOURCE))
            self.assertEqual(claims["xms_mirid"], app["managed_identity"]["resource_id"])
            self.assertEqual(claims["tid"], app.get("tenant", TENANT))

    def test_case_60_probe_without_metadata(self):
        answer = self.imds(headers=[])
        self.assertEqual((answer.status, answer.json["error"]), (400, "bad_request_102"))
        self.assertEqual(self.imds(headers=[("Metadata", "false")]).status, 400)

    def test_case_64_identities(self):
        self.says(self.imds(client_id=TENANT), 400, "Identity not found")
        self.says(self.imds(), 400, "Multiple user assigned identities exist")
        self.says(self.imds(client_id=APP, object_id=OTHER), 400, "More than one")
        self.says(self.imds(resource=None, client_id=APP), 400, "resource")
        self.says(self.imds(version="2017-01-01", client_id=APP), 400, "api-version")
        self.says(self.imds(headers=[*METADATA, ("X-Forwarded-For", "10.0.0.1")], client_id=APP), 400, "X-Forwarded-For")
        self.assertEqual(self.send("POST", IMDS, "").status, 405)
        self.assertEqual(json.loads(self.issuer.call("/stats"))["imds"], 7)
        self.assertEqual(json.loads(self.issuer.call("/stats"))["rejected"], 7)

    def test_alone_and_system_assigned(self):
        alone = self.another("--entra")
        said = self.send("GET", f"{IMDS}?api-version=2018-02-01&resource=x", headers=METADATA, issuer=alone)
        self.says(said, 400, "Identity not found")
        alone.call("/apps", FIRST)
        self.assertEqual(self.send("GET", f"{IMDS}?api-version=2018-02-01&resource=x", headers=METADATA, issuer=alone).status, 200)
        alone.call("/apps", {"client_id": TENANT, "managed_identity": {"principal_id": API, "system_assigned": True}})
        said = self.send("GET", f"{IMDS}?api-version=2018-02-01&resource=x", headers=METADATA, issuer=alone)
        self.assertEqual(said.json["client_id"], TENANT)

    def test_case_66_expires_on_forms(self):
        forms = {"string": None, "number": None, "us": "%m/%d/%Y %H:%M:%S +00:00", "us12": "%m/%d/%Y %I:%M:%S %p +00:00",
                 "iso8601": "%Y-%m-%dT%H:%M:%SZ"}
        for form, pattern in forms.items():
            self.issuer.call("/settings", {"expires_on_form": form, "token_lifetime": 7200})
            value = self.imds(client_id=APP).json["expires_on"]
            self.assertIs(type(value), int if form == "number" else str)
            if pattern:
                moment = datetime.datetime.strptime(value, pattern).replace(tzinfo=datetime.timezone.utc)
                value = moment.timestamp()
            self.assertLessEqual(abs(float(value) - time.time() - 7200), 5)
        self.issuer.call("/settings", {"expires_on_form": "absent", "expires_in_form": "absent"})
        said = self.imds(client_id=APP).json
        self.assertFalse({"expires_on", "expires_in"} & set(said))
        self.issuer.call("/settings", {"expires_in_form": "number", "refresh_in": 3600})
        said = self.imds(client_id=APP).json
        self.assertEqual((said["expires_in"], said["refresh_in"]), (7200, 3600))

    def test_case_61_to_63_and_74_faults(self):
        self.fault("unreachable", "imds")
        self.says(self.imds(client_id=APP), 403, "unreachable")
        self.fault("status", "imds", 410, 3)
        self.assertEqual([self.imds(client_id=APP).status for _ in range(4)], [410, 410, 410, 200])
        self.fault("throttled", "imds", 1)
        self.assertEqual(self.imds(client_id=APP).status, 429)
        self.fault("redirect", "imds", 302)
        self.assertEqual(self.imds(client_id=APP).status, 302)
        self.fault("expires-absent", "imds")
        self.assertFalse({"expires_on", "expires_in"} & set(self.imds(client_id=APP).json))

    # --- App Service and its like ---

    def app_service(self, headers=None, version="2019-08-01", **query):
        headers = [("X-IDENTITY-HEADER", "dev-identity-header")] if headers is None else headers
        return self.get("/msi/token", {"api-version": version, "resource": RESOURCE, **query}, headers)

    def test_case_68_app_service(self):
        for query in ({"client_id": APP}, {"principal_id": OTHER}, {"object_id": OTHER}, {"mi_res_id": "/subscriptions/s/ids/First"}):
            answer = self.app_service(**query)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(sorted(answer.json), ["access_token", "client_id", "expires_on", "resource", "token_type"])
            self.assertEqual(answer.json["client_id"], APP)
        for answer, status in ((self.app_service(headers=[]), 401), (self.app_service(headers=[("X-IDENTITY-HEADER", "no")]), 403),
                               (self.app_service(client_id=TENANT), 400), (self.app_service(version="2018-02-01"), 400),
                               (self.app_service(), 400)):
            self.assertEqual((answer.status, answer.json["statusCode"]), (status, status))
            self.assertTrue(answer.json["message"])
        self.issuer.call("/settings", {"identity_header": "another"})
        self.assertEqual(self.app_service(client_id=APP).status, 403)
        self.assertEqual(self.app_service(headers=[("X-IDENTITY-HEADER", "another")], client_id=APP).status, 200)
        self.issuer.call("/settings", {"identity_header": "dev-identity-header"})
        self.assertNotIn("another", self.issuer.call("/requests"))

    def test_old_app_service_and_azure_ml(self):
        answer = self.app_service([("secret", "dev-identity-header")], "2017-09-01", clientid=APP)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertRegex(answer.json["expires_on"], r"^\d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M \+00:00$")
        self.assertEqual(self.app_service(version="2017-09-01", clientid=APP).status, 401)

    def test_service_fabric(self):
        query = {"api-version": "2019-07-01-preview", "resource": RESOURCE}
        secret = [("Secret", "dev-identity-header")]
        answer = self.get(IMDS, {**query, "principalId": OTHER}, secret)
        self.assertEqual((answer.status, type(answer.json["expires_on"])), (200, int), answer.body)
        answer = self.get(IMDS, query)
        self.assertEqual((answer.status, answer.json["error"]["code"]), (401, "SecretHeaderNotFound"))
        answer = self.get(IMDS, {**query, "principalId": API}, secret)
        self.assertEqual((answer.status, answer.json["error"]["code"]), (404, "ManagedIdentityNotFound"))

    def test_case_72_cloud_shell(self):
        answer = self.post("/cloudshell/token", {"resource": RESOURCE}, METADATA)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(decode(answer.json["access_token"])[1]["scp"], "user_impersonation")
        self.assertEqual(self.post("/cloudshell/token", {"resource": RESOURCE, "client_id": APP}, METADATA).status, 400)
        self.assertEqual(self.post("/cloudshell/token", {"resource": RESOURCE}).status, 400)

    # --- Arc ---

    def challenge(self, **query):
        answer = self.imds(version="2020-06-01", **query)
        self.assertEqual(answer.status, 401, answer.body)
        return answer.headers["WWW-Authenticate"]

    def test_case_69_arc(self):
        header = self.challenge(client_id=APP)
        path = pathlib.Path(header.removeprefix("Basic realm="))
        self.assertEqual((str(path.parent), path.suffix, path.stat().st_mode & 0o777), (self.arc, ".key", 0o600))
        proof = [*METADATA, ("Authorization", f"Basic {path.read_text()}")]
        answer = self.imds(proof, "2020-06-01", client_id=APP)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertFalse(path.exists())
        self.assertEqual(self.imds(proof, "2020-06-01", client_id=APP).status, 401)
        self.assertEqual(self.imds([], "2020-06-01", client_id=APP).status, 400)
        self.assertEqual(json.loads(self.issuer.call("/stats"))["arc"], 4)

    def test_case_69_realms_to_refuse(self):
        for kind, check in (("arc-outside", lambda path: path.parent != pathlib.Path(self.arc) and path.is_file()),
                            ("arc-dot-dot", lambda path: ".." in str(path) and path.is_file()),
                            ("arc-txt", lambda path: path.suffix == ".txt" and path.is_file()),
                            ("arc-large", lambda path: path.stat().st_size == 5000),
                            ("arc-symlink", lambda path: path.is_symlink() and self.arc + "/outside" in os.path.realpath(path)),
                            ("arc-missing", lambda path: not path.exists())):
            with self.subTest(kind=kind):
                self.fault(kind, "imds")
                self.assertTrue(check(pathlib.Path(self.challenge(client_id=APP).removeprefix("Basic realm="))))
        self.fault("arc-no-header", "imds")
        self.assertIsNone(self.challenge(client_id=APP))
        self.fault("arc-other-scheme", "imds")
        self.assertTrue(self.challenge(client_id=APP).startswith("Negotiate "))

    def test_case_70_arc_echo(self):
        for kind, echoed in (("none", "/subscriptions/s/ids/First"), ("arc-no-echo", None)):
            path = self.challenge(msi_res_id="/subscriptions/s/ids/First").removeprefix("Basic realm=")
            self.fault(kind, "imds")
            proof = [*METADATA, ("Authorization", f"Basic {pathlib.Path(path).read_text()}")]
            said = self.imds(proof, "2020-06-01", msi_res_id="/subscriptions/s/ids/First").json
            self.assertEqual(said.get("msi_res_id"), echoed)

    def test_no_arc(self):
        self.assertEqual(self.send("GET", f"{IMDS}?api-version=2020-06-01&resource=x", headers=METADATA,
                                   issuer=self.another("--entra")).status, 400)

    # --- CI ---

    def github(self, query="api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange", token="dev-request-token"):
        return self.send("GET", f"/github/token?{query}", headers=[("Authorization", f"bearer {token}")] if token else [])

    def test_case_87_github(self):
        answer = self.github()
        self.assertEqual((answer.status, list(answer.json)), (200, ["value"]), answer.body)
        _, claims = decode(answer.json["value"])
        self.assertEqual((claims["aud"], claims["iss"], claims["sub"]),
                         (EXCHANGE_AUDIENCE, self.issuer.url, "repo:assay-dev/orders:ref:refs/heads/main"))
        self.assertLessEqual(claims["exp"] - time.time(), 301)
        self.assertEqual(decode(self.github("").json["value"])[1]["aud"], "https://github.com/assay-dev")
        self.assertIn("@65", decode(self.github("immutable=true").json["value"])[1]["sub"])
        self.assertEqual([self.github(token=token).status for token in ("wrong", None)], [401, 401])
        self.fault("no-value", "oidc-request")
        self.assertEqual(self.github().body, "{}")
        self.github()
        record = self.last_request()
        self.assertEqual((record["authorization"]["scheme"], record["authorization"]["sha256"]),
                         ("bearer", sha256("dev-request-token")))
        self.assertEqual(json.loads(self.issuer.call("/stats"))["github"], 7)

    def test_case_88_pipelines(self):
        bearer = [("Authorization", "Bearer dev-request-token"), ("X-TFS-FedAuthRedirect", "Suppress")]
        path = "/pipelines/token?api-version=7.1&serviceConnectionId=c1"
        answer = self.send("POST", path, "", bearer)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(decode(answer.json["oidcToken"])[1]["sub"], "sc://assay-dev/orders/c1")
        self.assertEqual(self.send("POST", path, "", bearer[1:]).status, 401)
        self.assertEqual(self.send("POST", path, "").status, 302)
        self.assertEqual(self.send("POST", "/pipelines/token?api-version=7.1", "", bearer).status, 400)


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
