#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""assay doctor offline, beside federated credentials, in jobs, on machines and behind proxies: run_doctor_places_tests.py COMMAND [TEST…]"""

import base64
import json
import pathlib
import shlex
import socket
import sys
import threading
import unittest

from acquiring import Acquiring
from canned import Listener
from token_shapes import APP, EXCHANGE_AUDIENCE, OTHER, SUBJECT, TENANT, TokenTests

ISSUER = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"
JOB = "repo:assay-dev/orders:ref:refs/heads/main"
GITHUB = "https://token.actions.githubusercontent.com"


class Offline(Acquiring):
    """Nothing is asked, and what Azure needs is said."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.aks_file = cls.write("aks", cls.service_account(iss=ISSUER))

    def pod(self, **variables):
        return super().pod(**{"AZURE_FEDERATED_TOKEN_FILE": self.aks_file, "AZURE_AUTHORITY_HOST": None, **variables})

    def offline(self, *options, **how):
        return self.doctor("--offline", *options, **how)

    def test_commands(self):
        said = self.offline()
        self.assertEqual((said["status"], said["offline"], said["token"]), (0, True, None))
        first, second = (shlex.split(command) for command in said["commands"])
        self.assertEqual(first, ["az", "identity", "federated-credential", "create", "--name", "NAME", "--identity-name", "IDENTITY",
                                 "--resource-group", "GROUP", "--issuer", ISSUER, "--subject", SUBJECT, "--audiences", EXCHANGE_AUDIENCE])
        self.assertEqual(second[:7], ["az", "ad", "app", "federated-credential", "create", "--id", APP])
        self.assertEqual(json.loads(second[8]), {"name": "NAME", "issuer": ISSUER, "subject": SUBJECT, "audiences": [EXCHANGE_AUDIENCE]})
        self.assertEqual([check["text"] for check in said["checks"] if check["layer"] in ("network", "exchange")], ["--offline"] * 2)

    def test_nothing_is_asked(self):
        said = self.offline(env=self.pod(AZURE_AUTHORITY_HOST=self.issuer.base))
        self.assertEqual((said["status"], self.issuer.stats()["token"], self.issuer.stats()["metadata"]), (0, 0, 0))

    def test_a_subject_token_need_be_no_jwt(self):
        """RFC 8693, section 3: where its type says that it is another thing."""
        options = ("exchange", "--token-endpoint", "https://server.example/token", "--token-file", self.write("opaque", "opaque-token"))
        said = self.offline(*options, "--subject-token-type", "urn:ietf:params:oauth:token-type:access_token", env=self.bare())
        self.assertEqual((said["status"], self.checks(said, "failed")), (0, []), said)
        for kind in ([], ["--subject-token-type", "urn:ietf:params:oauth:token-type:jwt"]):
            said = self.offline(*options, *kind, env=self.bare())
            self.assertEqual((said["status"], said["diagnosis"]["row"]), (2, 12), said)

    def test_any_text_is_one_word_of_the_shell(self):
        path = self.write("quoted", self.service_account(iss="https://a.example/; rm -rf /", sub="repo:a/b:ref:$(id) `id` !x %3A \\"))
        first, second = (shlex.split(command) for command in self.offline(env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))["commands"])
        self.assertEqual(first[11:14:2], ["https://a.example/; rm -rf /", "repo:a/b:ref:$(id) `id` !x %3A \\"])
        self.assertEqual(json.loads(second[8])["subject"], first[13])

    def test_what_no_shell_and_no_command_may_see(self):
        """Quotes end a word in PowerShell, cmd.exe obeys & | < > ^ in '…', and the Azure CLI reads the file behind an @."""
        for text in ("https://a.example/\n", "https://a.example/\u202e", "https://a.example/\x1b[2J", "https://a.example/';calc;'", "@/etc/passwd", "--query",
                     *(f"https://a.example/{byte}calc" for byte in '"&|<>^')):
            path = self.write("control", self.service_account(iss=text))
            said = self.offline(env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))
            self.assertEqual((said["commands"], self.check(said, "federated credential")["row"]), ([], 1))
            shown = self.command_line("doctor", "--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path)).out
            self.assertNotIn("\x1b", shown)
            self.assertNotIn("\u202e", shown)

    def test_label_and_annotation(self):
        said = self.offline("--token-file", self.aks_file, env=self.bare(AZURE_TENANT_ID=TENANT))
        self.assertNotIn("annotate", " ".join(said["commands"]))  # nobody says that a webhook was to be here
        said = self.offline(env=self.bare(AZURE_CLIENT_ID=APP, KUBERNETES_SERVICE_HOST="10.0.0.1"))
        self.assertEqual((said["failed_layer"], said["diagnosis"]["row"]), ("environment", 49))
        annotate, label = said["commands"]
        without = self.offline(env=self.bare(KUBERNETES_SERVICE_HOST="10.0.0.1"))["commands"][0]
        self.assertNotIn("--overwrite", without)  # pasted as it is, it changes no annotation that is right
        self.assertEqual(shlex.split(annotate)[-2:], [f"azure.workload.identity/client-id={APP}", "--overwrite"])
        patch = json.loads(shlex.split(label)[-1])
        self.assertEqual(patch["spec"]["template"]["metadata"]["labels"], {"azure.workload.identity/use": "true"})

    def compare(self, document, **how):
        path = self.write("credentials", json.dumps(document))
        return self.offline("--compare", path, **how)

    def test_compare(self):
        same = {"name": "pod", "issuer": ISSUER, "subject": SUBJECT, "audiences": [EXCHANGE_AUDIENCE]}
        for document in (same, [same], {"value": [same]}, {"name": "pod", "properties": same}, [{**same, "issuer": "https://a.example"}, same]):
            said = self.compare(document)
            self.assertEqual(said["status"], 0, said)
            self.assertEqual(said["federation"]["compared"], {"name": "pod", "issuer": "same", "subject": "same", "audience": "same"})
        for change, part, how, row in (({"issuer": ISSUER[:-1]}, "issuer", "slash", 2), ({"issuer": ISSUER.upper()}, "issuer", "case", 2),
                                       ({"issuer": ISSUER + " "}, "issuer", "space", 2),
                                       ({"issuer": "https://eastus.oic.prod-aks.azure.com/t/c/"}, "issuer", "differs", 2),
                                       ({"subject": SUBJECT.replace("orders", "Orders")}, "subject", "case", 5),
                                       ({"subject": "system:serviceaccount:other:orders"}, "subject", "differs", 4),
                                       ({"audiences": ["api://azureadtokenexchange"]}, "audience", "case", 3),
                                       ({"audiences": []}, "audience", "differs", 3)):
            said = self.compare({**same, **change})
            self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (2, "claims", row), said)
            self.assertEqual(said["federation"]["compared"][part], how)
            self.assertEqual(self.checks(said, "failed"), [f"compare {part}"])

    def test_compare_with_an_expression(self):
        said = self.compare({"name": "x", "issuer": ISSUER, "subject": None, "audiences": [EXCHANGE_AUDIENCE],
                             "claimsMatchingExpression": {"value": "claims['sub'] matches 'x'", "languageVersion": 1}})
        self.assertEqual((said["status"], said["federation"]["compared"]["subject"]), (0, "flexible"))

    def test_compare_with_nothing(self):
        self.assertEqual(self.compare([])["diagnosis"]["row"], 6)
        self.assertEqual(self.offline("--compare", "/nowhere.json")["status"], 2)
        path = self.write("broken", "{")
        self.assertIn("is not JSON", self.check(self.offline("--compare", path), "compare")["text"])

    def test_compare_names_and_ids_of_github(self):
        names, ids = JOB, "repo:assay-dev@65/orders@74:ref:refs/heads/main"
        for token, credential in ((names, ids), (ids, names)):
            path = self.write("job", self.service_account(iss=GITHUB, sub=token))
            said = self.compare({"name": "x", "issuer": GITHUB, "subject": credential, "audiences": [EXCHANGE_AUDIENCE]},
                                env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))
            self.assertEqual((said["federation"]["compared"]["subject"], said["diagnosis"]["row"]), ("form", 4))
        path = self.write("job", self.service_account(iss=GITHUB, sub=names))
        said = self.compare({"name": "x", "issuer": GITHUB, "subject": ids.replace("main", "dev"), "audiences": [EXCHANGE_AUDIENCE]},
                            env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))
        self.assertEqual(said["federation"]["compared"]["subject"], "differs")


class Job(Acquiring):
    """GitHub Actions."""

    def setUp(self):
        super().setUp()
        self.trust(JOB)

    def trust(self, subject):
        federated = {"issuer": self.issuer.url, "subject": subject, "audience": EXCHANGE_AUDIENCE, "ca_file": self.issuer.ca}
        self.issuer.call("/apps", self.application(federated=federated))

    def job(self, query="api-version=2.0", **variables):
        return self.bare(AZURE_CLIENT_ID=APP, AZURE_TENANT_ID=TENANT, AZURE_AUTHORITY_HOST=self.issuer.base, GITHUB_ACTIONS="true",
                         **{"GITHUB_REPOSITORY": "assay-dev/orders", "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push",
                            "GITHUB_REPOSITORY_ID": "74", "GITHUB_REPOSITORY_OWNER_ID": "65", "GITHUB_SERVER_URL": "https://github.com",
                            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.issuer.base}/github/token?{query}",
                            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "dev-request-token", **variables})

    def test_well(self):
        said = self.doctor(env=self.job())
        self.assertEqual((said["status"], said["where"], said["kind"]), (0, "github", "github"), said)
        self.assertEqual(said["federation"]["subject"], JOB)
        self.assertEqual(said["token"]["source"], "github-actions")

    def test_row_04_form_of_the_subject(self):
        said = self.doctor(env=self.job("api-version=2.0&immutable=true"))
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (1, "exchange", 4), said)
        self.assertEqual(said["federation"]["subject"], "repo:assay-dev@65/orders@74:ref:refs/heads/main")
        self.assertTrue(any("--subject 'repo:assay-dev@65/orders@74:" in command for command in said["commands"]))
        self.assertIn("gh api 'repos/assay-dev/orders/actions/oidc/customization/sub'", said["commands"])

    def test_row_65(self):
        said = self.doctor(env=self.job(ACTIONS_ID_TOKEN_REQUEST_URL=None, ACTIONS_ID_TOKEN_REQUEST_TOKEN=None))
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (2, "ci", 65))
        self.assertIn(f"{JOB}, or repo:assay-dev/orders:environment:NAME", self.check(said, "subject")["text"])
        said = self.doctor("github", env=self.job(ACTIONS_ID_TOKEN_REQUEST_TOKEN="not-the-token"))
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (1, "ci", 65))
        self.assertNotIn("not-the-token", json.dumps(said))

    def test_names_of_the_job_are_no_commands(self):
        said = self.doctor("--offline", env=self.job(GITHUB_REPOSITORY="a/b';calc;'"))
        self.assertEqual(said["commands"], [])
        said = self.doctor(env=self.job(ACTIONS_ID_TOKEN_REQUEST_URL=self.issuer.base + "/github/token?x=1\r\nX-Other: 1"))
        self.assertEqual((said["failed_layer"], said["diagnosis"]["row"]), ("ci", 65))
        self.assertIn("ACTIONS_ID_TOKEN_REQUEST_URL", self.checks(said, "failed"))
        self.assertEqual(self.issuer.stats()["github"], 0)

    def test_offline(self):
        said = self.doctor("--offline", env=self.job(GITHUB_EVENT_NAME="pull_request"))
        self.assertEqual((said["status"], said["federation"]), (0, {"issuer": GITHUB, "subject": "repo:assay-dev/orders:pull_request",
                                                                    "audience": EXCHANGE_AUDIENCE, "compared": None}))
        self.assertIn("repo:assay-dev@65/orders@74:pull_request", self.check(said, "immutable subject")["text"])
        self.assertEqual(self.issuer.stats()["github"], 0)


class Pipeline(Acquiring):
    """Azure Pipelines."""

    def job(self, **variables):
        return self.bare(TF_BUILD="True", AZURE_AUTHORITY_HOST=self.issuer.base, **{
            "SYSTEM_OIDCREQUESTURI": self.cluster.base + "/pipelines/token", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": OTHER,
            "AZURESUBSCRIPTION_TENANT_ID": TENANT, "AZURESUBSCRIPTION_CLIENT_ID": APP, "SYSTEM_ACCESSTOKEN": "job-token", **variables})

    def test_variables_of_the_task(self):
        said = self.doctor("--offline", env=self.job(AZURE_TENANT_ID=OTHER))
        self.assertEqual((said["status"], said["where"], said["kind"]), (0, "pipelines", "pipelines"), said)
        self.assertEqual(self.check(said, "AZURESUBSCRIPTION_TENANT_ID")["text"], TENANT)
        self.assertNotIn("job-token", json.dumps(said))
        said = self.doctor("--offline", env=self.job(AZURE_TENANT_ID=TENANT, AZURESUBSCRIPTION_TENANT_ID=None))
        self.assertEqual((said["status"], self.check(said, "AZURE_TENANT_ID")["text"]), (0, TENANT))

    def test_what_is_missing(self):
        said = self.doctor("--offline", env=self.job(AZURESUBSCRIPTION_CLIENT_ID=None))
        self.assertEqual((said["status"], self.checks(said, "failed")), (2, ["AZURESUBSCRIPTION_CLIENT_ID"]))
        said = self.doctor(env=self.job(SYSTEM_ACCESSTOKEN=None))
        self.assertEqual((said["status"], said["failed_layer"], self.checks(said, "failed")), (2, "ci", ["SYSTEM_ACCESSTOKEN"]))
        self.assertIn("SYSTEM_ACCESSTOKEN: $(System.AccessToken)", self.check(said, "SYSTEM_ACCESSTOKEN")["text"])


class Machine(Acquiring):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.another("--entra")
        cls.agent.call("/apps", {"client_id": APP, "managed_identity": {"principal_id": OTHER, "resource_id": "/subscriptions/s/ids/one"}})

    def test_imds(self):
        said = self.doctor(env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST=self.agent.base))
        self.assertEqual((said["status"], said["where"], said["kind"]), (0, "vm", "managed"), said)
        self.assertEqual((said["token"]["claims"]["oid"], said["token"]["source"]), (OTHER, "managed-identity (IMDS)"))

    def test_by_name(self):
        """A pod with workload identity, whose chain is narrowed."""
        env = self.pod(AZURE_POD_IDENTITY_AUTHORITY_HOST=self.agent.base, AZURE_TOKEN_CREDENTIALS="managedidentitycredential")
        for options in ([], ["--offline"]):
            said = self.doctor(*options, env=env)
            self.assertEqual((said["status"], said["kind"]), (0, "managed"), said)
            self.assertEqual(self.check(said, "AZURE_TOKEN_CREDENTIALS")["text"], "ManagedIdentityCredential")
            self.assertEqual(self.check(said, "credential")["text"], "managed, as AZURE_TOKEN_CREDENTIALS says")
        said = self.doctor("--offline", "workload", env=env)
        self.assertEqual((said["kind"], self.check(said, "AZURE_TOKEN_CREDENTIALS")["result"]), ("workload", "skipped"))
        for options in ([], ["--client-id", APP]):
            said = self.doctor("--offline", *options, env=self.pod(AZURE_TOKEN_CREDENTIALS="WorkloadIdentityCredential", AZURE_CLIENT_SECRET="x"))
            self.assertEqual((said["kind"], self.check(said, "AZURE_TOKEN_CREDENTIALS")["result"]), ("workload", "ok"))
        said = self.doctor("--offline", env=self.pod(AZURE_TOKEN_CREDENTIALS="prod"))
        self.assertEqual((said["kind"], self.check(said, "AZURE_TOKEN_CREDENTIALS")["text"]), ("workload", "prod: the whole default chain"))
        said = self.doctor("--offline")
        self.assertNotIn("AZURE_TOKEN_CREDENTIALS", [check["check"] for check in said["checks"]])

    def test_by_a_name_of_nothing(self):
        for value in ("dev", "AzureCliCredential", "sesame", "EnvironmentCredential"):
            said = self.doctor("--offline", env=self.pod(AZURE_TOKEN_CREDENTIALS=value))
            self.assertEqual((said["status"], said["failed_layer"], said["kind"]), (2, "environment", None), said)
            self.assertEqual(self.checks(said, "failed"), ["AZURE_TOKEN_CREDENTIALS"])
            self.assertNotIn("sesame", json.dumps(said))
        said = self.doctor("--offline", env=self.bare(AZURE_TOKEN_CREDENTIALS="WorkloadIdentityCredential"))
        self.assertEqual((said["status"], said["diagnosis"]["row"]), (2, 49), said)

    def test_what_stands_in_for_imds_may_speak_tls(self):
        """As the library asks it: by TLS, and below its path."""
        self.issuer.call("/apps", {"client_id": OTHER, "managed_identity": {"principal_id": OTHER, "resource_id": "/subscriptions/s/ids/two"}})
        said = self.doctor("managed", env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST=self.issuer.base + "/"))
        self.assertEqual((said["status"], self.check(said, "IMDS")["result"]), (0, "ok"), said)
        self.assertIn("AZURE_POD_IDENTITY_AUTHORITY_HOST", self.check(said, "agent")["text"])
        said = self.doctor("managed", env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST=self.agent.base + "/none"))
        self.assertEqual((said["status"], said["diagnosis"]["row"]), (3, 43), said)

    def test_rows_40_and_44(self):
        env = self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST=self.agent.base)
        said = self.doctor("managed", "--identity", f"client-id:{TENANT}", env=env)
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (1, "managed-identity", 40), said)
        said = self.doctor("managed", env=self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST="http://127.0.0.1:9"))
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (3, "managed-identity", 44), said)

    def test_app_service(self):
        env = self.bare(IDENTITY_ENDPOINT=self.agent.base + "/msi/token", IDENTITY_HEADER="dev-identity-header")
        said = self.doctor(env=env)
        self.assertEqual((said["status"], said["where"], said["token"]["source"]), (0, "azure", "managed-identity (App Service)"), said)
        self.assertNotIn("dev-identity-header", json.dumps(said))


class Bindings(Acquiring):
    options = ("--entra", "--proxy-path", "/p", "--tls-name", "proxy.example")

    @classmethod
    def application(cls, **members):
        cls.issuer.context.check_hostname = False
        federated = {"issuer": cls.cluster.url, "subject": SUBJECT, "audience": "api://AKSIdentityBinding", "ca_file": cls.cluster.ca}
        return super().application(identity_binding=True, federated=federated)

    def bound(self, **variables):
        path = self.write("bound", self.service_account(aud=["api://AKSIdentityBinding"]))
        proxy = {"AZURE_KUBERNETES_TOKEN_PROXY": self.issuer.base + "/p", "AZURE_KUBERNETES_SNI_NAME": "proxy.example",
                 "AZURE_KUBERNETES_CA_FILE": self.issuer.ca, "AZURE_FEDERATED_TOKEN_FILE": path, "AZURE_AUTHORITY_HOST": None}
        return self.pod(**{**proxy, **variables})

    def test_well(self):
        said = self.command_line("doctor", "--json", env=self.bound()).json
        self.assertEqual(said["status"], 0, said)
        self.assertEqual(self.checks(said, "ok", "token-proxy"), ["DNS", "TCP", "TLS", "HTTP", "clock"])
        self.assertEqual((self.check(said, "authority")["result"], said["commands"]), ("skipped", []))

    def test_case_78_row_58_name_and_ca(self):
        for variables in ({"AZURE_KUBERNETES_SNI_NAME": "other.example"}, {"AZURE_KUBERNETES_CA_FILE": self.cluster.ca},
                          {"AZURE_KUBERNETES_CA_FILE": None, "AZURE_KUBERNETES_CA_DATA": pathlib.Path(self.cluster.ca).read_text()}):
            said = self.command_line("doctor", "--json", env=self.bound(**variables)).json
            self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (3, "token-proxy", 58), said)

    def test_case_79_row_59_forbidden(self):
        self.issuer.call("/apps", {**self.application(), "identity_binding": False})
        said = self.command_line("doctor", "--json", env=self.bound()).json
        self.issuer.call("/apps", self.application())
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (1, "token-proxy", 59), said)

    def test_row_60_nobody_there(self):
        said = self.command_line("doctor", "--json", env=self.bound(AZURE_KUBERNETES_TOKEN_PROXY="https://127.0.0.1:1")).json
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (3, "token-proxy", 60), said)


class Tunnel(Listener):
    """A proxy for CONNECT that remembers what it was asked, and leads to one server whatever that was."""

    def __init__(self, target, status=200):
        super().__init__()
        self.target, self.status, self.heads = target, status, []
        self.url = "http://name:password@" + self.address

    def answer(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(4096)
            if not part:
                return
            head += part
        self.heads.append(head.decode())
        client.sendall(f"HTTP/1.1 {self.status} x\r\n\r\n".encode())
        if self.status != 200:
            return
        host, port = self.target.split("://")[1].rsplit(":", 1)
        with socket.create_connection((host, int(port)), 60) as server:
            back = threading.Thread(target=self.pump, args=(server, client), daemon=True)
            back.start()
            self.pump(client, server)
            back.join(60)

    @staticmethod
    def pump(source, sink):
        try:
            while part := source.recv(65536):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Proxies(Acquiring):
    """The authority is a name that nobody but the proxy can find."""
    options = ("--entra", "--tls-name", "login.example")

    @classmethod
    def application(cls, **members):
        cls.issuer.context.check_hostname = False
        return super().application(**members)

    def pod(self, **variables):
        return super().pod(**{"AZURE_AUTHORITY_HOST": "https://login.example", **variables})

    def test_through_a_proxy(self):
        with Tunnel(self.issuer.base) as proxy:
            said = self.doctor("--use-environment-proxy", env=self.pod(https_proxy=proxy.url))
            self.assertEqual(said["status"], 0, said)
            self.assertEqual(self.checks(said, "ok", "network"), ["DNS", "TCP", "proxy", "TLS", "HTTP", "clock"])
            self.assertGreaterEqual(len(proxy.heads), 2)  # the doctor's own look, and the exchange
            for head in proxy.heads:
                self.assertTrue(head.startswith("CONNECT login.example:443 "), head)
                self.assertIn("Proxy-Authorization: Basic bmFtZTpwYXNzd29yZA==", head)
            self.assertNotIn("password", json.dumps(said))
            self.assertEqual(self.token("--resource", "arm", "--use-environment-proxy", env=self.pod(HTTPS_PROXY=proxy.url)).status, 0)

    def test_password_with_escapes(self):
        with Tunnel(self.issuer.base) as proxy:
            url = proxy.url.replace("name:password@", "name:p%40ss%2Fw%zz@")
            said = self.doctor("--use-environment-proxy", env=self.pod(https_proxy=url))
            self.assertEqual(said["status"], 0, said)
            sent = base64.b64encode(b"name:p@ss/w%zz").decode()
            self.assertEqual({f"Basic {sent}" in head for head in proxy.heads}, {True}, proxy.heads)

    def test_not_through_it(self):
        with Tunnel(self.issuer.base) as proxy:
            said = self.doctor("--use-environment-proxy", env=self.pod(https_proxy=proxy.url, no_proxy="a.example, .example"))
            self.assertEqual((said["status"], said["diagnosis"]["row"], proxy.heads), (3, 56, []), said)
            said = self.doctor(env=self.pod(https_proxy=proxy.url))
            self.assertEqual((said["status"], proxy.heads), (3, []))
            self.assertIn("try --use-environment-proxy", self.check(said, "proxy")["text"])
            said = self.doctor("--use-environment-proxy", env=self.pod(https_proxy=proxy.url, AZURE_AUTHORITY_HOST="https://127.0.0.1:1"))
            self.assertEqual((said["status"], proxy.heads), (3, []))

    def test_a_proxy_that_refuses(self):
        with Tunnel(self.issuer.base, 407) as proxy:
            said = self.doctor("--use-environment-proxy", env=self.pod(https_proxy=proxy.url))
        self.assertEqual((said["status"], said["failed_layer"], said["diagnosis"]["row"]), (3, "network", 56), said)
        self.assertIn("the proxy answered 407", self.check(said, "proxy")["text"])


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
