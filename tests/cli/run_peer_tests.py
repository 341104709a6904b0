#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second opinion on the development issuer: @azure/identity and @azure/msal-node get their tokens from it, and it takes tokens of
oidc-provider: run_peer_tests.py COMMAND [TEST…]. Skips where tests/provider has no packages."""

import base64
import hashlib
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from peering import NODE, PROVIDER, ROOT, ask_peer, skip_without_peers
from token_shapes import (API, APP, ASSERTION_TYPE, EXCHANGE_AUDIENCE, OTHER, SECONDS, SECRET, SUBJECT, TENANT, Certificate,
                          TokenTests, decode)

SCOPE = f"api://{API}/.default"
IDENTITY = {"principal_id": OTHER, "resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/first"}


class Peers(TokenTests):
    """Entra over TLS, as these libraries demand."""
    options = ("--entra",)
    tls = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = cls.another("--kubernetes", "--audience", EXCHANGE_AUDIENCE, tls=True)
        cls.certificate = Certificate(cls.folder.name, "app")
        cls.both = pathlib.Path(cls.folder.name) / "both.pem"
        cls.both.write_text(pathlib.Path(cls.certificate.key).read_text() + cls.certificate.pem)
        cls.token_file = pathlib.Path(cls.folder.name) / "token"
        cls.issuer.call("/apps", {"client_id": APP, "tenant": TENANT, "secret": SECRET, "certificates": cls.certificate.pem,
                                  "federated": {"issuer": cls.cluster.url, "subject": SUBJECT, "audience": EXCHANGE_AUDIENCE,
                                                "ca_file": cls.cluster.ca}})
        cls.issuer.call("/apps", {"client_id": API, "tenant": TENANT, "managed_identity": IDENTITY})

    def peer(self, scenario, environment=None, issuer=None, **given):
        at = issuer or self.issuer
        arguments = {"authority": at.base, "tenant": TENANT, "clientId": APP, "scope": SCOPE, "secret": SECRET, **given}
        return ask_peer(scenario, arguments, self.issuer.ca, environment or {})

    def gets(self, scenario, environment=None, **given):
        """The claims of the token that a scenario gets."""
        said = self.peer(scenario, environment, **given)
        self.assertIn("token", said, said)
        self.assertGreater(said["expires"], time.time() * 1000)
        return decode(said["token"])[1]

    def fails(self, code, scenario, **given):
        said = self.peer(scenario, **given)
        self.assertIn(f"AADSTS{code}:", said.get("error", ""), said)

    def write_token(self, **members):
        self.token_file.write_text(self.cluster.call("/mint", members))

    # --- @azure/identity ---

    def test_identity_workload(self):
        self.write_token()
        claims = self.gets("identity-workload", tokenFile=str(self.token_file))
        self.assertEqual((claims["aud"], claims["appid"], claims["appidacr"]), (f"api://{API}", APP, "2"))
        pod = {"AZURE_CLIENT_ID": APP, "AZURE_TENANT_ID": TENANT, "AZURE_FEDERATED_TOKEN_FILE": str(self.token_file),
               "AZURE_AUTHORITY_HOST": f"{self.issuer.base}/"}
        for scenario in ("identity-workload-environment", "identity-default"):
            self.assertEqual(self.gets(scenario, pod)["appid"], APP)
        self.assertEqual(json.loads(self.issuer.call("/stats"))["token"], 3)

    def test_identity_workload_refused(self):
        for members, code in (({"forge": "signature"}, 700027), ({"name": "other"}, 700213), ({"forge": "expired"}, 700024),
                              ({"claims": {"aud": ["api://AKSIdentityBinding"]}}, 700212), ({"algorithm": "ES256"}, 5002738)):
            self.write_token(**members)
            self.fails(code, "identity-workload", tokenFile=str(self.token_file))

    def test_identity_secret(self):
        self.assertEqual(self.gets("identity-secret")["appidacr"], "1")
        self.fails(7000215, "identity-secret", secret="wrong")
        self.fails(700016, "identity-secret", clientId=OTHER)
        self.fails(90002, "identity-secret", tenant="99999999-0000-0000-0000-000000000000")

    def test_identity_certificate(self):
        for chain in (False, True):
            self.assertEqual(self.gets("identity-certificate", certificatePath=str(self.both), x5c=chain)["appidacr"], "2")
            header = [each for each in json.loads(self.issuer.call("/requests")) if each["endpoint"] == "token"][-1]["assertion_header"]
            self.assertEqual(("x5c" in header, header["alg"]), (chain, "PS256"))
        stranger = Certificate(self.folder.name, "stranger")
        path = pathlib.Path(self.folder.name) / "stranger-both.pem"
        path.write_text(pathlib.Path(stranger.key).read_text() + stranger.pem)
        self.fails(700027, "identity-certificate", certificatePath=str(path))

    def test_identity_assertion(self):
        self.assertEqual(self.gets("identity-assertion", assertion=self.cluster.call("/mint", {}))["appid"], APP)
        self.fails(700027, "identity-assertion", assertion=self.cluster.call("/mint", {"forge": "wrong-key"}))

    def user_token(self, **members):
        return self.issuer.call("/mint", {"entra": "user", "claims": {"aud": APP}, **members})

    def test_identity_on_behalf_of(self):
        claims = self.gets("identity-on-behalf-of", userToken=self.user_token(), scope=f"api://{API}/Orders.Read")
        self.assertEqual((claims["scp"], claims["oid"]), ("Orders.Read", "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"))
        self.fails(50013, "identity-on-behalf-of", userToken=self.user_token(forge="signature"))
        self.fails(500131, "identity-on-behalf-of", userToken=self.user_token(claims={"aud": OTHER}))

    def test_identity_managed(self):
        plain = self.another("--entra")
        plain.call("/apps", {"client_id": API, "tenant": TENANT, "managed_identity": IDENTITY})
        app_service = {"IDENTITY_ENDPOINT": f"{plain.base}/msi/token", "IDENTITY_HEADER": "dev-identity-header"}
        imds = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": plain.base}
        # The other ways to choose one are compared with ours in run_peer_comparison_tests.py.
        for environment, counter, selector in ((app_service, "app_service", {"clientId": API}),
                                               (imds, "imds", {"resourceId": IDENTITY["resource_id"]})):
            claims = self.gets("identity-managed", environment, selector=selector, scope="https://vault.azure.net/.default")
            self.assertEqual((claims["oid"], claims["aud"]), (OTHER, "https://vault.azure.net"))
            self.assertEqual(plain.stats()[counter], 1, plain.stats())
        said = self.peer("identity-managed", imds, selector={"clientId": APP})
        self.assertIn("error", said)
        # Azure ML counts seconds where old App Service writes a date, which this library takes for no time at all.
        plain.call("/settings", {"expires_on_form": "string"})
        machine_learning = {"MSI_ENDPOINT": f"{plain.base}/msi/token", "MSI_SECRET": "dev-identity-header"}
        claims = self.gets("identity-managed", machine_learning, selector={"clientId": API}, scope="https://vault.azure.net/.default")
        self.assertEqual(claims["oid"], OTHER)
        claims = self.gets("identity-managed", {"MSI_ENDPOINT": f"{plain.base}/cloudshell/token"}, scope="https://vault.azure.net/.default")
        self.assertEqual(claims["scp"], "user_impersonation")

    # --- @azure/msal-node ---

    def thumbprint(self):
        return hashlib.sha256(self.certificate.der).hexdigest()

    def test_msal(self):
        certificate = {"thumbprint": self.thumbprint(), "keyFile": self.certificate.key, "certificateFile": self.certificate.path}
        self.assertEqual(self.gets("msal-secret")["appidacr"], "1")
        self.assertEqual(self.gets("msal-assertion", assertion=self.cluster.call("/mint", {}))["appidacr"], "2")
        for chain in (False, True):
            self.assertEqual(self.gets("msal-certificate", x5c=chain, **certificate)["appidacr"], "2")
        self.assertEqual(self.gets("msal-capable")["xms_cc"], ["cp1"])
        for scenario, more in (("msal-on-behalf-of", {}), ("msal-on-behalf-of-certificate", certificate)):
            claims = self.gets(scenario, userToken=self.user_token(), scope=f"api://{API}/Orders.Read", **more)
            self.assertEqual(claims["scp"], "Orders.Read")
        self.fails(700027, "msal-assertion", assertion=self.cluster.call("/mint", {"forge": "signature"}))
        self.fails(700211, "msal-assertion", assertion=self.cluster.call("/mint", {"claims": {"iss": self.cluster.url + "/"}}))
        self.fails(7000215, "msal-secret", secret="wrong")
        self.fails(500133, "msal-on-behalf-of", userToken=self.user_token(forge="expired"), scope=f"api://{API}/Orders.Read")

    def test_msal_retries_and_throttling(self):
        self.fault("unavailable", value=1)
        said = self.peer("msal-secret")
        self.assertTrue("token" in said or "error" in said, said)
        self.fault("aadsts", value=50076, count=-1)
        said = self.peer("msal-on-behalf-of", userToken=self.user_token(), scope=f"api://{API}/Orders.Read")
        self.assertIn("AADSTS50076", said["error"])

    # --- oidc-provider ---

    def provider(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        subprocess.run(["bash", str(ROOT / "tests/support/make_ca.sh"), str(folder)], check=True, capture_output=True, timeout=SECONDS)
        process = subprocess.Popen([NODE, str(PROVIDER / "provider.mjs"), str(folder / "server.pem"), str(folder / "server.key")],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, process)
        ready, _, _ = select.select([process.stdout], [], [], SECONDS)
        return json.loads(process.stdout.readline() if ready else b"{}"), str(folder / "ca.pem")

    def end(self, process):
        process.stdin.close()
        process.terminate()
        process.wait(SECONDS)
        process.stdout.close()

    def control(self, about, path, body):
        request = urllib.request.Request(about["control"] + path, data=json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read())

    def exchange(self, token):
        form = {"client_id": APP, "scope": SCOPE, "grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": token}
        return self.post(f"/{OTHER}/oauth2/v2.0/token", form)

    def test_tokens_of_oidc_provider(self):
        about, ca_file = self.provider()
        self.register(client_id=APP, tenant=OTHER, federated=[
            {"issuer": about["issuer"], "subject": "service-RS256", "audience": EXCHANGE_AUDIENCE, "ca_file": ca_file},
            {"issuer": about["issuer"], "subject": "user-1", "audience": "web-RS256", "ca_file": ca_file}])
        token = self.control(about, "/token", {"resource": EXCHANGE_AUDIENCE})["access_token"]
        answer = self.exchange(token)
        self.assertEqual(answer.status, 200, answer.body)
        answer = self.exchange(self.control(about, "/id-token", {})["id_token"])
        self.assertEqual(answer.status, 200, answer.body)
        head, payload, signature = token.split(".")
        forged = f"{head}.{payload}.{base64.urlsafe_b64encode(os.urandom(256)).rstrip(b'=').decode()}"
        self.assertEqual(self.exchange(forged).code, 700027)
        self.control(about, "/rotate?drop=1", {})
        self.assertEqual(self.exchange(token).code, 700027)
        self.control(about, "/behave", {"status": 503})
        self.assertEqual(self.exchange(token).code, 90061)

    def test_client_credentials_at_oidc_provider(self):
        """The command as its client; tests/flow/test_acquire_provider.c has the rest."""
        about, ca_file = self.provider()
        secret_file = pathlib.Path(self.folder.name) / "client-secret"
        self.control(about, "/client", {"client_id": "orders", "method": "client_secret_basic", "secret": "a+b/c=%&~ x"})
        command = [self.command, "token", "client-credentials", "--client-id", "orders", "--secret-file", str(secret_file), "--token-endpoint",
                   about["issuer"] + "/token", "--resource", "https://api.test", "--scope", "api:read", "--ca-file", ca_file, "--json"]
        secret_file.write_text("a+b/c=%&~ x\n")
        said = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=SECONDS).stdout)
        verify = [self.command, "verify", "--issuer", about["issuer"], "--audience", "https://api.test", "--profile", "rfc9068", "--ca-file", ca_file]
        subprocess.run(verify, input=said["token"].encode(), check=True, capture_output=True, timeout=SECONDS)
        secret_file.write_text("a b/c=%&~ x\n")
        done = subprocess.run(command, capture_output=True, timeout=SECONDS)
        said = json.loads(done.stdout)
        self.assertEqual((done.returncode, said["code"], said["server_code"]), (1, "ASSAY_E_GRANT", "invalid_client"))
        self.assertIn("registered for client_secret_basic", said["hint"])
        self.assertNotIn("c=%&~", done.stdout.decode())


if __name__ == "__main__":
    skip_without_peers()
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
