#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""assay verify on tokens of Entra, offline: each cause that people meet is named by --explain: run_entra_tests.py COMMAND [TEST…]

The development issuer signs what it is told; its keys get the members that Entra's have.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from dev_issuer import SECONDS, Issuer  # noqa: E402

COMMAND = ""
NOW = 1700000000
A = "11111111-aaaa-4aaa-8aaa-111111111111"
B = "22222222-bbbb-4bbb-8bbb-222222222222"
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
API = "33333333-cccc-4ccc-8ccc-333333333333"
CLIENT = "44444444-dddd-4ddd-8ddd-444444444444"
OID = "55555555-eeee-4eee-8eee-555555555555"
PUBLIC = "https://login.microsoftonline.com"
TEMPLATE = PUBLIC + "/{tenantid}/v2.0"


def user(version=2, tenant=A, base=PUBLIC, **changes):
    """Claims of a user's access token with a scope; None takes one out."""
    of_version = {
        1: {"iss": f"https://sts.windows.net/{tenant}/", "ver": "1.0", "aud": "api://" + API, "appid": CLIENT},
        2: {"iss": f"{base}/{tenant}/v2.0", "ver": "2.0", "aud": API, "azp": CLIENT},
    }[version]
    return {**of_version, "tid": tenant, "oid": OID, "sub": "pairwise", "scp": "read", "iat": NOW, "nbf": NOW,
            "exp": NOW + 3600, **changes}


class Entra(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.issuer = Issuer(COMMAND, cls.folder.name, "--algorithm", "RS256", tls=False)
        cls.keys = json.loads(cls.issuer.call("/jwks"))["keys"]

    @classmethod
    def tearDownClass(cls):
        status = cls.issuer.stop()
        cls.folder.cleanup()
        assert status == 0, f"the issuer ended with {status}"

    def file(self, name, document):
        path = pathlib.Path(self.folder.name) / name
        path.write_text(json.dumps(document))
        return str(path)

    def jwks(self, issuer=TEMPLATE, cloud="microsoftonline.com"):
        """The key set as a v2 endpoint serves it."""
        return {"keys": [{**key, "issuer": issuer, "cloud_instance_name": cloud} for key in self.keys]}

    def run_verify(self, claims, *options, now=NOW, header=None):
        token = self.issuer.mint(claims, header=header or {})
        done = subprocess.run([COMMAND, "verify", "--json", "--explain", "--now", str(now), *options], input=token.encode(),
                              capture_output=True, timeout=SECONDS)
        self.assertTrue(done.stdout, done.stderr)
        return done.returncode, json.loads(done.stdout)

    def verify(self, claims, *options, issuer=TEMPLATE, tenants=(A,), keys=None, **how):
        for tenant in tenants:
            options += ("--tenant", tenant)
        return self.run_verify(claims, "--profile", "entra", "--issuer", issuer, "--audience", API, "--jwks",
                               self.file("keys.json", keys or self.jwks()), *options, **how)

    def with_document(self, claims, how=None, keys=None, **members):
        issuer = {"profile": "entra", "tenants": [A], "audiences": API, "jwks": keys or self.jwks(), **members}
        return self.run_verify(claims, "--config", self.file("config.json", {"issuers": [issuer]}), **(how or {}))

    def accepted(self, outcome):
        status, verdict = outcome
        self.assertEqual((status, verdict["code"]), (0, "ASSAY_OK"), verdict)
        self.assertEqual({step["result"] for step in verdict["steps"]}, {"passed"})
        return verdict

    def refused(self, outcome, code, step, *said):
        """The step that failed, and alone, says each of these."""
        status, verdict = outcome
        self.assertEqual((status, verdict["code"]), (1, "ASSAY_E_" + code), verdict)
        failed = [row for row in verdict["steps"] if row["result"] == "failed"]
        self.assertEqual([row["step"] for row in failed], [step], verdict["steps"])
        for text in said:
            self.assertIn(text, failed[0]["text"])
        after = [row["result"] for row in verdict["steps"]][[row["step"] for row in verdict["steps"]].index(step) + 1:]
        self.assertLessEqual(set(after), {"not decided"})

    # --- accepted ---

    def test_both_versions_and_tenants(self):
        for version in (1, 2):
            self.accepted(self.verify(user(version)))
        self.accepted(self.verify(user(tenant=B), tenants=(A, B)))
        self.accepted(self.verify(user(tenant=B), tenants=("organizations",)))
        self.accepted(self.verify(user(tenant=CONSUMERS), tenants=("consumers",)))
        self.accepted(self.verify(user(tenant=CONSUMERS), tenants=("common",)))
        self.accepted(self.verify(user(), issuer=TEMPLATE.replace("{tenantid}", A), tenants=()))
        self.accepted(self.verify(user(), issuer=TEMPLATE.replace("{tenantid}", A)))
        verdict = self.accepted(self.with_document(user()))
        self.assertEqual(verdict["issuer"], f"{PUBLIC}/{A}/v2.0")

    def test_algorithm_in_the_explanation(self):
        verdict = self.accepted(self.verify(user()))
        self.assertIn("expected alg RS256, found RS256", verdict["steps"][1]["text"])

    def test_b2c_and_external_id_from_a_document(self):
        url = f"https://contoso.b2clogin.com/{A}/v2.0/"
        claims = user(iss=url, ver="1.0", tid=None, tfp="B2C_1_in")
        document = {"profile": "entra-b2c", "issuer": url, "policy": "B2C_1_in", "audiences": API, "jwks": {"keys": self.keys}}
        options = ("--config", self.file("b2c.json", {"issuers": [document]}))
        self.accepted(self.run_verify(claims, *options))
        self.refused(self.run_verify({**claims, "tfp": "B2C_1_up"}, *options), "POLICY", "issuer",
                     "another B2C policy", "expected B2C_1_in", "found B2C_1_up")
        document = {"profile": "entra-external-id", "tenant": A, "audiences": API, "jwks": {"keys": self.keys}}
        options = ("--config", self.file("ciam.json", {"issuers": [document]}))
        self.accepted(self.run_verify(user(iss=f"https://{A}.ciamlogin.com/{A}/v2.0"), *options))

    # --- refused, and why ---

    def test_t03_v1_token_where_only_v2_is_accepted(self):
        self.refused(self.with_document(user(1), versions=[2]), "VERSION", "issuer", "expected 2.0", "found 1.0",
                     "set requestedAccessTokenVersion to 2 in the manifest of the API's app registration")
        self.refused(self.with_document(user(2), versions=[1]), "VERSION", "issuer", "requestedAccessTokenVersion to 1 or null")

    def test_token_of_graph_or_of_resource_manager(self):
        self.refused(self.verify(user(aud="00000003-0000-0000-c000-000000000000"), header={"nonce": "n"}), "GRAPH_TOKEN",
                     "issuer", "Microsoft Graph", "api://CLIENT-ID/.default")
        for audience, name in (("https://graph.microsoft.com", "Microsoft Graph"),
                               ("https://management.azure.com/", "Azure Resource Manager")):
            self.refused(self.verify(user(1, aud=audience)), "AUDIENCE", "audience", f"found {audience}",
                         f"the token is for {name}", "api://CLIENT-ID/.default")

    def test_t17_k06_wrong_cloud(self):
        self.refused(self.verify(user(base="https://login.microsoftonline.us")), "ISSUER", "issuer", "another cloud of Entra",
                     f"found https://login.microsoftonline.us/{A}/v2.0")
        self.refused(self.verify(user(1), keys=self.jwks(cloud="microsoftonline.us")), "KEY_CLOUD", "key",
                     "belongs to another cloud", "expected microsoftonline.com", "found microsoftonline.us")

    def test_t22_t23_wrong_tenant(self):
        for version in (1, 2):
            self.refused(self.verify(user(version, tenant=B)), "TENANT", "issuer", "not accepted", B, "add it by its GUID")
        self.refused(self.verify(user(tenant=CONSUMERS), tenants=("organizations",)), "TENANT", "issuer", "personal")
        self.refused(self.verify(user(tid=B)), "TENANT_ID", "issuer", f"expected {A}", f"found {B}")

    def test_id_token(self):
        claims = user(azp=None, scp=None, nonce="n", name="Alice")
        self.refused(self.verify(claims), "ID_TOKEN", "claims", "send the access_token")
        self.refused(self.verify(user(azp=None, scp=None, roles=["admin"])), "ID_TOKEN", "claims", "names no client (azp)")

    def test_nothing_granted(self):
        self.refused(self.verify(user(scp=None)), "NO_PERMISSION", "claims", "neither a scope nor a role", "allow-list")
        caller = {"tenant": A, "object_id": OID}
        self.accepted(self.with_document(user(scp=None), callers=[caller]))

    def test_missing_scope(self):
        status, verdict = self.verify(user(), "--require-scope", "write")
        self.assertEqual((status, verdict["http_status"]), (1, 403), verdict)
        failed = [row for row in verdict["steps"] if row["result"] == "failed"]
        self.assertEqual([row["step"] for row in failed], ["requirements"])
        self.assertIn("lacks a demanded scope", failed[0]["text"])
        self.assertIn("expected write", failed[0]["text"])
        self.assertIn("; to do: ", failed[0]["text"])

    def test_clock_that_is_off(self):
        clock = "correct this machine's clock"
        self.refused(self.verify(user(), now=NOW - 500), "NOT_YET_VALID", "times", "it is too early by 440 s", clock)
        self.refused(self.verify(user(), now=NOW + 4000), "EXPIRED", "times", "it is too late by 340 s", clock)
        self.refused(self.verify(user(nbf=NOW - 1000), now=NOW - 500), "ISSUED_IN_FUTURE", "claims", "ahead by 440 s", clock)

    def test_k01_key_of_personal_accounts(self):
        keys = self.jwks(issuer=f"{PUBLIC}/{CONSUMERS}/v2.0")
        self.refused(self.verify(user(), keys=keys), "KEY_ISSUER", "key", "may not sign for this tenant", CONSUMERS,
                     "a key of personal accounts")
        self.accepted(self.with_document(user(), keys=keys, ignore_key_issuer=True))

    def test_keys_of_the_application(self):
        keys = {"keys": [{**key, "kid": "another"} for key in self.jwks()["keys"]]}
        self.refused(self.verify(user(), keys=keys), "KEY_UNKNOWN", "key", "?appid=", "keys of its own")
        status, verdict = self.with_document(user(), keys=keys, application_keys=API)
        self.assertEqual((status, verdict["code"]), (1, "ASSAY_E_KEY_UNKNOWN"))
        self.assertNotIn("?appid=", verdict["hint"])

    # --- usage ---

    def test_configuration_errors(self):
        for code, options in (("CONFIG_TENANT", ["--issuer", TEMPLATE]),
                              ("CONFIG_TENANT", ["--issuer", TEMPLATE, "--tenant", "contoso.com"]),
                              ("CONFIG_ISSUER", ["--issuer", f"https://sts.windows.net/{A}/", "--tenant", A])):
            status, verdict = self.run_verify(user(), "--profile", "entra", "--audience", API, *options)
            self.assertEqual((status, verdict["code"]), (2, "ASSAY_E_" + code), verdict)
        status, verdict = self.with_document(user(), profile="generic", issuer=TEMPLATE)
        self.assertEqual((status, verdict["code"]), (2, "ASSAY_E_CONFIG_MEMBER"))
        self.assertIn("issuer 1: tenants needs the profile entra", verdict["message"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
