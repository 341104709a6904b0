#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One configuration for ours and for Microsoft's: what succeeds there with these variables succeeds here, and the same arrives at the token
endpoint: run_peer_comparison_tests.py COMMAND [TEST…]. Skips where tests/provider has no packages."""

import json
import pathlib
import subprocess
import sys
import unittest

from acquiring import Acquiring
from peering import ROOT, ask_peer, skip_without_peers
from token_shapes import API, APP, ASSERTION_TYPE, EXCHANGE_AUDIENCE, OTHER, SECONDS, SECRET, TENANT, TokenTests, decode, sha256

VAULT = "https://vault.azure.net"
FEDERATED = "99999999-aaaa-2222-bbbb-3333cccc4444"
PASSPHRASE = "correct horse"  # of make_client_keys.sh
FIRST = {"client_id": APP, "tenant": TENANT, "managed_identity": {"principal_id": OTHER, "resource_id": "/subscriptions/s/ids/first"}}
SECOND = {"client_id": API, "tenant": TENANT, "managed_identity": {"principal_id": TENANT, "resource_id": "/subscriptions/s/ids/second"}}

# Parameters that are theirs alone, and why that makes no difference.
THEIRS = {
    "x-client-SKU": "says which library it is; ours is a header field",
    "x-client-VER": "likewise",
    "x-client-OS": "likewise",
    "x-client-CPU": "likewise",
    "x-client-current-telemetry": "statistics for Microsoft",
    "x-client-last-telemetry": "likewise",
    "x-ms-lib-capability": "that throttling is understood; ours is a header field",
    "client-request-id": "the correlation id; ours is a header field",
    "client_info": "asks whose token it is, as a key of MSAL's cache; ours is the digest of the user's token",
}
# MSAL asks on behalf of a user for what it needs for its cache, a refresh token among it; a service comes back with the user's next token.
RESERVED_SCOPES = " openid profile offline_access"
# Members that differ from request to request, as they must.
FRESH = {"jti", "iat", "nbf", "exp"}
# And of tokens that were given, with what Entra puts there.
FRESH_TOKEN = FRESH | {"uti", "aio", "rh"}


class Comparison(Acquiring):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keys = cls.place / "keys"
        subprocess.run(["bash", str(ROOT / "tests/support/make_client_keys.sh"), str(keys)], check=True, capture_output=True, timeout=SECONDS)
        read = {name: (keys / name).read_text() for name in ("client.pem", "client.key", "encrypted.key", "sub.pem", "next.pem", "next.key")}
        cls.key, cls.leaf = str(keys / "client.key"), str(keys / "client.pem")
        cls.thumbprint = (keys / "client.sha256").read_text().strip().lower()
        cls.key_first = cls.write("key-first.pem", read["client.key"] + read["client.pem"])
        cls.leaf_first = cls.write("leaf-first.pem", read["client.pem"] + read["client.key"])
        cls.chain = cls.write("chain.pem", read["client.key"] + read["client.pem"] + read["sub.pem"])
        cls.encrypted = cls.write("encrypted.pem", read["encrypted.key"] + read["client.pem"])
        cls.stranger = cls.write("stranger.pem", read["next.key"] + read["next.pem"])
        cls.agent = cls.another("--entra")
        for app in (FIRST, SECOND):
            cls.agent.call("/apps", app)
        machine = {"issuer": f"{cls.agent.base}/{TENANT}/v2.0", "subject": OTHER, "audience": EXCHANGE_AUDIENCE}
        cls.issuer.call("/apps", cls.application(certificates=read["client.pem"]))
        cls.issuer.call("/apps", {"client_id": FEDERATED, "tenant": TENANT, "federated": machine})

    def setUp(self):
        super().setUp()
        self.agent.call("/stats/reset", {})

    def environment(self, **variables):
        """As a pod, a machine or a job has it, for both."""
        return {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": APP, "AZURE_AUTHORITY_HOST": self.issuer.base + "/", **variables}

    def arrived(self, issuer):
        taken = json.loads(issuer.call("/requests"))
        issuer.call("/stats/reset", {})
        return taken

    def theirs(self, scenario, environment, at=None, **given):
        """The request that got the token, and the token's claims."""
        arguments = {"authority": self.issuer.base, "tenant": TENANT, "clientId": APP, "scope": VAULT + "/.default", "secret": SECRET}
        said = ask_peer(scenario, {**arguments, **given}, self.issuer.ca, environment)
        self.assertIn("token", said, said)
        return self.arrived(at or self.issuer)[-1], decode(said["token"])[1]

    def ours(self, arguments, environment, at=None, status=0):
        done = self.token(*arguments, "--resource", "keyvault", "--json", env=self.bare(**environment))
        self.assertEqual(done.status, status, done.err or done.out)
        said = done.json
        return self.arrived(at or self.issuer)[-1], said if status else decode(said["token"])[1]

    # --- what is the same ---

    def parameters(self, request):
        """By name, the value, or of a secret its digest."""
        self.assertFalse(request["malformed"] or request["repeated"], request)
        return {each["name"]: each.get("value") or each["sha256"] for each in request["parameters"]}

    def same(self, theirs, ours, signed=False, user=False):
        (their_request, their_claims), (our_request, our_claims) = theirs, ours
        for member in ("method", "host", "status"):
            self.assertEqual(our_request[member], their_request[member])
        self.assertEqual(our_request["path"], their_request["path"].rstrip("/"))  # they end that of IMDS with a slash, which its manual doesn't
        if their_request["method"] == "POST":
            self.assertEqual(our_request["content_type"], their_request["content_type"].split(";")[0])
        expected = {name: value for name, value in self.parameters(their_request).items() if name not in THEIRS}
        found = self.parameters(our_request)
        if user:
            self.assertEqual(expected["scope"], found["scope"] + RESERVED_SCOPES)
            expected["scope"] = found["scope"]
        if signed:
            self.same_assertion(their_request, our_request)
            self.assertNotEqual(expected.pop("client_assertion"), found.pop("client_assertion"))  # each is signed anew
        self.assertEqual(found, expected)
        for claims in (their_claims, our_claims):
            self.assertLessEqual(FRESH - {"jti"}, set(claims))
        self.assertEqual({name: value for name, value in our_claims.items() if name not in FRESH_TOKEN},
                         {name: value for name, value in their_claims.items() if name not in FRESH_TOKEN})

    def same_assertion(self, their_request, our_request):
        """Cases 81 and 82: the shape that Entra documents, as Microsoft's own client makes it."""
        self.assertEqual(our_request["assertion_header"], their_request["assertion_header"])  # x5t#S256 and x5c among it
        self.assertEqual(our_request["assertion_header"]["alg"], "PS256")
        ours, theirs = our_request["assertion_claims"], their_request["assertion_claims"]
        self.assertEqual(set(ours), set(theirs))
        for name in set(ours) - FRESH:
            self.assertEqual(ours[name], theirs[name], name)
        self.assertEqual(ours["aud"], f"{self.issuer.base}/{TENANT}/oauth2/v2.0/token")
        self.assertEqual((ours["exp"] - ours["nbf"], ours["iat"]), (theirs["exp"] - theirs["nbf"], ours["nbf"]))
        self.assertEqual((len(ours["jti"]), ours["jti"] != theirs["jti"]), (len(theirs["jti"]), True))

    # --- Entra ---

    def test_workload_identity(self):
        pod = self.environment(AZURE_FEDERATED_TOKEN_FILE=self.token_file)
        theirs = self.theirs("identity-workload-environment", pod)
        names = set(self.parameters(theirs[0])) - set(THEIRS)
        self.assertEqual(names, {"client_id", "scope", "grant_type", "client_assertion_type", "client_assertion"})
        self.assertEqual(self.parameters(theirs[0])["client_assertion_type"], ASSERTION_TYPE)
        for ours in (["workload"], [], ["default"]):
            self.same(theirs, self.ours(ours, pod))
        self.same(self.theirs("identity-default", pod), self.ours([], pod))

    def test_secret(self):
        variables = self.environment(AZURE_CLIENT_SECRET=SECRET)
        theirs = self.theirs("identity-environment", variables)
        self.assertEqual(self.parameters(theirs[0])["client_secret"], sha256(SECRET))
        for ours in (["secret"], []):
            self.same(theirs, self.ours(ours, variables))
        # a certificate and a workload identity beside it come second in both
        variables.update(AZURE_CLIENT_CERTIFICATE_PATH=self.key_first, AZURE_FEDERATED_TOKEN_FILE=self.token_file)
        self.same(self.theirs("identity-default", variables), self.ours([], variables))

    def test_certificate(self):
        for path, more in ((self.leaf_first, {}), (self.encrypted, {"AZURE_CLIENT_CERTIFICATE_PASSWORD": PASSPHRASE}),
                           (self.chain, {"AZURE_CLIENT_SEND_CERTIFICATE_CHAIN": "true"})):
            variables = self.environment(AZURE_CLIENT_CERTIFICATE_PATH=path, **more)
            theirs = self.theirs("identity-environment", variables)
            self.same(theirs, self.ours(["certificate"], variables), signed=True)
            self.assertEqual(len(theirs[0]["assertion_header"].get("x5c", [])), 2 if path == self.chain else 0)
        self.same(theirs, self.ours([], variables), signed=True)

    def test_certificate_of_msal(self):
        given = {"thumbprint": self.thumbprint, "keyFile": self.key}
        for x5c, path in ((False, self.key_first), (True, self.chain)):
            chain = {"x5c": x5c, "certificateFile": self.chain}
            variables = self.environment(AZURE_CLIENT_CERTIFICATE_PATH=path, **({"AZURE_CLIENT_SEND_CERTIFICATE_CHAIN": "1"} if x5c else {}))
            self.same(self.theirs("msal-certificate", {}, **given, **chain), self.ours(["certificate"], variables), signed=True)

    def test_case_86_on_behalf_of(self):
        user = self.issuer.call("/mint", {"entra": "user", "claims": {"aud": APP}})
        ask = ["on-behalf-of", "--user-token", self.write("user", user)]
        secret = self.environment(AZURE_CLIENT_SECRET=SECRET)
        certificate = self.environment(AZURE_CLIENT_CERTIFICATE_PATH=self.key_first)
        given = {"userToken": user, "certificatePath": self.key_first, "thumbprint": self.thumbprint, "keyFile": self.key}
        for scenario in ("identity-on-behalf-of", "msal-on-behalf-of"):
            self.same(self.theirs(scenario, {}, **given), self.ours(ask, secret), user=True)
        for scenario in ("identity-on-behalf-of-certificate", "msal-on-behalf-of-certificate"):
            self.same(self.theirs(scenario, {}, **given), self.ours(ask, certificate), user=True, signed=True)

    def test_case_45_claims_challenge(self):
        claims = '{"access_token":{"nbf":{"essential":true,"value":"1"},"xms_cc":{"values":["cp1"]}},"id_token":{"x":null}}'
        theirs = self.theirs("msal-claims", {}, claims=claims)
        ours = self.ours(["secret", "--claims", claims], self.environment(AZURE_CLIENT_SECRET=SECRET))
        for request, _ in (theirs, ours):
            for each in request["parameters"]:
                if each["name"] == "claims":
                    each["value"] = json.loads(each["value"])
        self.assertIn("claims", self.parameters(theirs[0]))
        self.same(theirs, ours)
        self.assertEqual((ours[1]["xms_cc"], ours[1]["exp"] - ours[1]["iat"] > 80000), (["cp1"], True))

    # --- machines ---

    def test_managed_identity(self):
        app_service = {"IDENTITY_ENDPOINT": f"{self.agent.base}/msi/token", "IDENTITY_HEADER": "dev-identity-header"}
        imds = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.agent.base}
        for machine, field in ((app_service, "x-identity-header"), (imds, "metadata")):
            for selector, ours in (({"clientId": APP}, f"client-id:{APP}"), ({"objectId": TENANT}, f"object-id:{TENANT}"),
                                   ({"resourceId": "/subscriptions/s/ids/second"}, "resource-id:/subscriptions/s/ids/second")):
                theirs = self.theirs("identity-managed", machine, self.agent, selector=selector)
                found = self.ours(["managed", "--identity", ours], machine, self.agent)
                for each in theirs[0]["parameters"] if machine is app_service else []:
                    # App Service documents principal_id, and object_id as another name for it.
                    each["name"] = "principal_id" if each["name"] == "object_id" else each["name"]
                self.same(theirs, found)
                for request in (theirs[0], found[0]):
                    self.assertIn(field, [name.lower() for name in request["headers"]])
            chosen = {**machine, "AZURE_CLIENT_ID": API}  # which the end of the chain takes for the identity in both
            self.same(self.theirs("identity-default", chosen, self.agent), self.ours([], chosen, self.agent))

    def test_older_platforms(self):
        self.agent.call("/settings", {"expires_on_form": "string"})  # Azure ML counts seconds
        self.addCleanup(self.agent.call, "/settings", {"expires_on_form": "usual"})
        machine_learning = {"MSI_ENDPOINT": f"{self.agent.base}/msi/token", "MSI_SECRET": "dev-identity-header"}
        cloud_shell = {"MSI_ENDPOINT": f"{self.agent.base}/cloudshell/token"}
        for machine, selector, ours in ((machine_learning, {"clientId": APP}, ["--identity", f"client-id:{APP}"]),
                                        ({**machine_learning, "DEFAULT_IDENTITY_CLIENT_ID": API}, {}, []), (cloud_shell, {}, [])):
            theirs = self.theirs("identity-managed", machine, self.agent, selector=selector)
            self.same(theirs, self.ours(["managed", *ours], machine, self.agent))
        # What these can't choose is not asked of them, by either.
        for machine, selector, ours in ((machine_learning, {"objectId": TENANT}, f"object-id:{TENANT}"),
                                        (cloud_shell, {"clientId": APP}, f"client-id:{APP}")):
            said = ask_peer("identity-managed", {"scope": VAULT + "/.default", "selector": selector}, self.issuer.ca, machine)
            self.assertIn("error", said)
            done = self.token("managed", "--identity", ours, "--resource", "keyvault", "--json", env=self.bare(**machine))
            self.assertEqual((done.status, done.json["code"]), (1, "ASSAY_E_IDENTITY"), done.out)
            self.assertEqual(self.arrived(self.agent), [])

    def test_case_85_managed_identity_as_federated_credential(self):
        machine = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.agent.base}
        variables = {**machine, "AZURE_TENANT_ID": TENANT, "AZURE_AUTHORITY_HOST": self.issuer.base}
        theirs = self.theirs("identity-federated", machine, clientId=FEDERATED, selector={"clientId": APP})
        their_hop = self.arrived(self.agent)[-1]
        ours = self.ours(["federated", "--client-id", FEDERATED, "--identity", f"client-id:{APP}"], variables)
        our_hop = self.arrived(self.agent)[-1]
        self.assertEqual(self.parameters(our_hop), self.parameters(their_hop))
        of_machine = [{name: value for name, value in request["assertion_claims"].items() if name not in FRESH_TOKEN}
                      for request, _ in (theirs, ours)]
        self.assertEqual((of_machine[1], of_machine[1]["sub"]), (of_machine[0], OTHER))
        for request, _ in (theirs, ours):  # each shows a token of its own
            count = len(request["parameters"])
            request["parameters"] = [each for each in request["parameters"] if each["name"] != "client_assertion"]
            self.assertEqual(len(request["parameters"]), count - 1)
        self.same(theirs, ours)

    # --- what is refused ---

    def test_the_same_refusals(self):
        aks = self.write("binding", self.service_account(aud=["api://AKSIdentityBinding"]))
        other = self.write("other", self.cluster.call("/mint", {"name": "other", "claims": {"aud": [EXCHANGE_AUDIENCE]}}))
        for code, kind, variables in (
                (700212, "workload", {"AZURE_FEDERATED_TOKEN_FILE": aks}), (700213, "workload", {"AZURE_FEDERATED_TOKEN_FILE": other}),
                (7000215, "secret", {"AZURE_CLIENT_SECRET": "a b/c=%&~ ü"}),
                (700016, "secret", {"AZURE_CLIENT_SECRET": SECRET, "AZURE_CLIENT_ID": OTHER}),
                (700027, "certificate", {"AZURE_CLIENT_CERTIFICATE_PATH": self.stranger})):
            both = self.environment(**variables)
            scenario = "identity-workload-environment" if kind == "workload" else "identity-environment"
            said = ask_peer(scenario, {"scope": VAULT + "/.default"}, self.issuer.ca, both)
            self.assertIn(f"AADSTS{code}:", said.get("error", ""), said)
            their_request = self.arrived(self.issuer)[-1]
            request, said = self.ours([kind], both, status=1)
            self.assertEqual((said["server_code"], request["status"]), (f"AADSTS{code}", their_request["status"]), said)
            self.assertGreater(said["diagnosis"]["row"], 0)


if __name__ == "__main__":
    skip_without_peers()
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
