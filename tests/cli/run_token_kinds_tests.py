#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""assay token for identities of platforms and jobs and for servers that are not Entra: run_token_kinds_tests.py COMMAND [TEST…]"""

import subprocess
import sys
import unittest

from acquiring import Acquiring
from token_shapes import (API, APP, EXCHANGE_AUDIENCE, OTHER, SECONDS, SECRET, SUBJECT, TENANT, Certificate, TokenTests, decode,
                          encode)

VAULT = "https://vault.azure.net"
FIRST = {"client_id": APP, "managed_identity": {"principal_id": OTHER, "resource_id": "/subscriptions/s/ids/first"}}
SECOND = {"client_id": API, "managed_identity": {"principal_id": TENANT, "resource_id": "/subscriptions/s/ids/second"}}
TYPE = "urn:ietf:params:oauth:token-type:"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
JOB = "repo:assay-dev/orders:ref:refs/heads/main"


class Kinds(Acquiring):
    def token(self, *arguments, **how):
        return super().token(*arguments, "--resource", "keyvault", "--json", **how)

    def works(self, done, source, client=APP):
        self.assertEqual(done.status, 0, done.err or done.out)
        self.assertIn(source, done.json["source"])
        claims = decode(done.json["token"])[1]
        self.assertEqual((claims["aud"], claims["appid"]), (VAULT, client))

    def fails(self, done, status, code, row):
        said = done.json
        self.assertEqual((done.status, said["code"], (said["diagnosis"] or {"row": 0})["row"]), (status, "ASSAY_E_" + code, row), said)


class Managed(Kinds):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.another("--entra")
        for app in (FIRST, SECOND):
            cls.agent.call("/apps", app)

    def machine(self, **variables):
        return self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST=self.agent.base, **variables)

    def test_imds(self):
        for identity, client in ((f"client-id:{APP}", APP), (f"object-id:{TENANT}", API), ("resource-id:/subscriptions/s/ids/second", API)):
            self.works(self.token("managed", "--identity", identity, env=self.machine()), "managed-identity (IMDS)", client)
            self.works(self.token("--identity", identity, env=self.machine()), "managed-identity (IMDS)", client)
        self.works(self.token("managed", env=self.machine(AZURE_CLIENT_ID=API)), "managed-identity (IMDS)", API)
        self.works(self.token(env=self.machine(AZURE_CLIENT_ID=API)), "managed-identity (IMDS)", API)  # the end of the chain
        self.works(self.token("managed", "--identity", f"client-id:{APP}", env=self.machine(AZURE_CLIENT_ID=API)), "IMDS", APP)

    def test_case_64_which_identity(self):
        before = self.agent.stats()["imds"]
        self.fails(self.token("managed", "--identity", f"client-id:{OTHER}", env=self.machine()), 1, "IDENTITY", 40)
        self.fails(self.token("managed", env=self.machine()), 1, "IDENTITY", 41)
        self.assertEqual(self.agent.stats()["imds"] - before, 2)  # asked once each: no other answer can come

    def test_app_service(self):
        env = self.bare(IDENTITY_ENDPOINT=self.agent.base + "/msi/token", IDENTITY_HEADER="dev-identity-header")
        self.works(self.token("managed", "--identity", f"client-id:{APP}", env=env), "App Service")
        done = self.token("managed", "--identity", f"client-id:{OTHER}", env=env)
        self.fails(done, 1, "IDENTITY", 46)
        self.assertNotIn("dev-identity-header", done.out + done.err)

    def test_nobody_answers(self):
        env = self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST="http://127.0.0.1:9")
        done = self.token("managed", "--timeout", "3", env=env)
        self.assertEqual((done.status, done.json["diagnosis"]["row"]), (3, 44), done.out)

    def test_case_85_federated(self):
        """The token of the machine proves the application."""
        federated = {"issuer": f"{self.agent.base}/{TENANT}/v2.0", "subject": OTHER, "audience": EXCHANGE_AUDIENCE}
        self.agent.call("/apps", {"client_id": "99999999-aaaa-2222-bbbb-3333cccc4444", "tenant": TENANT, "federated": federated})
        done = self.token("federated", "--tenant", TENANT, "--client-id", "99999999-aaaa-2222-bbbb-3333cccc4444", "--identity",
                          f"client-id:{APP}", "--authority", self.agent.base, "--allow-loopback-http", env=self.machine())
        self.works(done, "federated", "99999999-aaaa-2222-bbbb-3333cccc4444")
        # tenant and cloud as the environment has them
        env = self.machine(AZURE_TENANT_ID=TENANT, AZURE_AUTHORITY_HOST=self.issuer.base)
        federated = {**federated, "issuer": f"{self.agent.base}/{TENANT}/v2.0"}
        self.issuer.call("/apps", {"client_id": OTHER, "tenant": TENANT, "federated": federated})
        done = self.token("federated", "--client-id", OTHER, "--identity", f"client-id:{APP}", env=env)
        self.works(done, "federated", OTHER)
        done = self.token("federated", "--client-id", OTHER, "--identity", f"client-id:{APP}", env=env | {"AZURE_AUTHORITY_HOST": "http://a.example"})
        self.fails(done, 2, "CONFIG_URL", 0)


class Jobs(Kinds):
    def setUp(self):
        super().setUp()
        federated = {"issuer": self.issuer.url, "subject": JOB, "audience": EXCHANGE_AUDIENCE, "ca_file": self.issuer.ca}
        connection = {**federated, "subject": "sc://assay-dev/orders/c1"}
        self.issuer.call("/apps", self.application(federated=[federated, connection]))

    def job(self, **variables):
        return self.bare(AZURE_CLIENT_ID=APP, AZURE_TENANT_ID=TENANT, AZURE_AUTHORITY_HOST=self.issuer.base,
                         ACTIONS_ID_TOKEN_REQUEST_URL=self.issuer.base + "/github/token?api-version=2.0",
                         ACTIONS_ID_TOKEN_REQUEST_TOKEN="dev-request-token", **variables)

    def test_github(self):
        for kind in (["github"], []):
            self.works(self.token(*kind, env=self.job()), "github-actions")
        self.works(self.token("github", "--client-id", APP, env=self.job() | {"AZURE_CLIENT_ID": API}), "github-actions")
        self.assertEqual(self.issuer.stats()["github"], 3)

    def test_github_refuses(self):
        done = self.token("github", env=self.job() | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "not-the-request-token"})
        self.assertNotEqual(done.status, 0)
        self.assertNotIn("not-the-request-token", done.out + done.err)
        self.assertEqual(done.json["diagnosis"]["row"], 65, done.out)
        bare = self.bare(AZURE_CLIENT_ID=APP, AZURE_TENANT_ID=TENANT)
        done = self.token("github", env=bare)
        self.assertEqual((done.status, done.json["diagnosis"]["row"]), (2, 65), done.out)

    def test_pipelines(self):
        env = self.bare(SYSTEM_OIDCREQUESTURI=self.issuer.base + "/pipelines/token", SYSTEM_ACCESSTOKEN="dev-request-token",
                        AZURESUBSCRIPTION_CLIENT_ID=APP, AZURESUBSCRIPTION_TENANT_ID=TENANT,
                        AZURESUBSCRIPTION_SERVICE_CONNECTION_ID="c1", AZURE_AUTHORITY_HOST=self.issuer.base)
        for kind in (["pipelines"], []):
            self.works(self.token(*kind, env=env), "azure-pipelines")


class Bindings(Kinds):
    """AKS identity bindings: through the token proxy, and nowhere else."""
    options = ("--entra", "--proxy-path", "/p", "--tls-name", "proxy.example")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        binding = {"client_id": APP, "tenant": TENANT, "identity_binding": True, "federated": {
            "issuer": cls.cluster.url, "subject": SUBJECT, "audience": "api://AKSIdentityBinding", "ca_file": cls.cluster.ca}}
        cls.issuer.context.check_hostname = False
        cls.issuer.call("/apps", binding)
        cls.binding_file = cls.write("binding", cls.service_account(aud=["api://AKSIdentityBinding"]))

    @classmethod
    def application(cls, **members):
        cls.issuer.context.check_hostname = False
        return super().application(**members)

    def pod(self, **variables):
        proxy = {"AZURE_KUBERNETES_TOKEN_PROXY": self.issuer.base + "/p", "AZURE_KUBERNETES_SNI_NAME": "proxy.example",
                 "AZURE_KUBERNETES_CA_FILE": self.issuer.ca, "AZURE_FEDERATED_TOKEN_FILE": self.binding_file, "AZURE_AUTHORITY_HOST": None}
        return super().pod(**{**proxy, **variables})

    def test_environment(self):
        for options in ([], ["--token-proxy-mode", "auto"], ["--token-proxy-mode", "on"]):
            done = self.command_line("token", "workload", "--resource", "keyvault", "--json", *options)
            self.works(done, "workload-identity")
        stats = self.issuer.stats()
        self.assertEqual((stats["proxy"], stats["token"]), (3, 0))

    def test_options(self):
        env = self.bare(AZURE_CLIENT_ID=APP, AZURE_TENANT_ID=TENANT)
        done = self.command_line("token", "workload", "--resource", "keyvault", "--json", "--token-file", self.binding_file, "--token-proxy",
                                 self.issuer.base + "/p", "--token-proxy-name", "proxy.example", "--token-proxy-ca", self.issuer.ca, env=env)
        self.works(done, "workload-identity")

    def test_case_76_contradictions(self):
        for variables in ({"AZURE_KUBERNETES_CA_DATA": "x"}, {"AZURE_KUBERNETES_TOKEN_PROXY": None},
                          {"AZURE_KUBERNETES_TOKEN_PROXY": "http://a.example"}, {"AZURE_KUBERNETES_TOKEN_PROXY": "https://a.example?x=1"}):
            done = self.command_line("token", "workload", "--resource", "keyvault", "--json", env=self.pod(**variables))
            self.assertEqual(done.status, 2, done.out)
        self.assertEqual(self.issuer.stats()["proxy"], 0)


class Servers(Acquiring):
    """Any OAuth server."""
    options = ("--path", "/realm")

    @classmethod
    def application(cls, **members):
        federated = {"issuer": cls.cluster.url, "audience": EXCHANGE_AUDIENCE, "ca_file": cls.cluster.ca}
        return {"client_id": "web app", "secret": SECRET, "scopes": ["read", "write"], "resources": ["https://api.example", "orders"],
                "federated": federated, **members}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = Certificate(cls.folder.name, "pair")
        cls.issuer.call("/apps", {"client_id": "signer", "certificates": [{**cls.jwk(), "kid": "first"}]})
        federated = {"issuer": cls.cluster.url, "subject": SUBJECT, "audience": EXCHANGE_AUDIENCE, "ca_file": cls.cluster.ca}
        cls.issuer.call("/apps", {"client_id": POOL, "federated": federated})

    @classmethod
    def jwk(cls):
        command = ["openssl", "rsa", "-in", cls.pair.key, "-noout", "-modulus"]
        said = subprocess.run(command, check=True, capture_output=True, timeout=SECONDS).stdout.decode()
        return {"kty": "RSA", "e": "AQAB", "n": encode(bytes.fromhex(said.strip().removeprefix("Modulus=")))}

    def got(self, *arguments, path="/realm/token", **how):
        done = self.token(*arguments, "--token-endpoint", self.issuer.base + path, "--json", env=self.bare(), **how)
        self.assertEqual(done.status, 0, done.err or done.out)
        return done.json, decode(done.json["token"])[1]

    def test_client_credentials(self):
        client = ["client-credentials", "--client-id", "web app", "--secret-file", self.secret_file]
        for method in ([], ["--client-method", "client_secret_basic"], ["--client-method", "client_secret_post"]):
            said, claims = self.got(*client, *method, "--scope", "read write", "--audience", "orders")
            self.assertEqual((claims["client_id"], claims["aud"], said["scope"], said["tenant"]), ("web app", "orders", "read write", None))
        self.assertEqual(self.got(*client, "--resource", "https://api.example")[1]["aud"], "https://api.example")
        said = self.token(*client, "--token-endpoint", self.issuer.base + "/realm/token", "--scope", "admin", "--json", env=self.bare())
        self.assertEqual((said.status, said.json["server_code"]), (1, "invalid_scope"), said.out)

    def test_private_key_jwt(self):
        signer = ["client-credentials", "--client-id", "signer", "--key", self.pair.key, "--key-id", "first"]
        self.assertEqual(self.got(*signer)[1]["client_id"], "signer")
        self.assertEqual(self.got(*signer, "--assertion-audience", self.issuer.url, "--algorithm", "PS256", "--client-method",
                                  "private_key_jwt")[1]["client_id"], "signer")

    def test_exchange(self):
        client = ["exchange", "--token-file", self.token_file, "--client-id", "web app", "--secret-file", self.secret_file]
        said, claims = self.got(*client, "--audience", "orders", "--scope", "read")
        self.assertEqual((said["issued_token_type"], claims["sub"], claims["aud"]), (TYPE + "access_token", SUBJECT, "orders"))
        actor = self.write("actor", self.cluster.call("/mint", {"name": "actor", "claims": {"aud": [EXCHANGE_AUDIENCE]}}))
        _, claims = self.got(*client, "--actor-file", actor, "--actor-type", TYPE + "jwt", "--subject-token-type", TYPE + "jwt")
        self.assertEqual(claims["act"]["sub"], "system:serviceaccount:default:actor")
        said, _ = self.got(*client, "--requested-token-type", TYPE + "jwt")
        self.assertEqual((said["token_type"], said["issued_token_type"]), ("N_A", TYPE + "jwt"))

    def test_google(self):
        said, _ = self.got("google", "--token-file", self.token_file, "--audience", POOL, "--scope",
                           "https://www.googleapis.com/auth/cloud-platform", path="/v1/token")
        self.assertIn("google", said["source"])

    def test_google_by_a_file_or_by_options(self):
        """An empty variable is none, and beside a file there is no second audience."""
        options = ("google", "--token-file", self.token_file, "--audience", POOL, "--token-endpoint", self.issuer.base + "/v1/token",
                   "--scope", "https://www.googleapis.com/auth/cloud-platform", "--json")
        said = self.token(*options, env=self.bare(GOOGLE_APPLICATION_CREDENTIALS=""))
        self.assertEqual((said.status, said.json["kind"]), (0, "google"), said.out + said.err)
        refused = self.token(*options, env=self.bare(GOOGLE_APPLICATION_CREDENTIALS="/account.json"))
        self.assertEqual((refused.status, refused.out), (2, ""))
        self.assertIn("--audience does not go with GOOGLE_APPLICATION_CREDENTIALS", refused.err)

    def test_no_secret_in_the_process_list(self):
        """What is secret has no option of its own."""
        for option in ("--secret", "--passphrase", "--token", "--assertion"):
            said = self.command_line("token", "client-credentials", option, "x")
            self.assertEqual((said.status, said.out), (2, ""))
            self.assertIn("unknown option", said.err)


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
