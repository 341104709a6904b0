#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""assay doctor: each layer fails by itself, and is named with its row and what corrects it: run_doctor_tests.py COMMAND [TEST…]"""

import json
import os
import pathlib
import re
import stat
import sys
import time
import unittest

from acquiring import Acquiring
from canned import Canned
from token_shapes import API, APP, EXCHANGE_AUDIENCE, OTHER, SECRET, SUBJECT, TENANT, TokenTests

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNKNOWN = {"error": "invalid_request", "error_description": "AADSTS90002: Tenant not found.", "error_codes": [90002]}
ISSUER = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"


class Lists(unittest.TestCase):
    """The command sees the library's public headers alone, so some lists stand in both: they are the same."""

    def strings(self, path, name):
        text = (ROOT / path).read_text()
        return re.findall(r'"((?:[^"\\]|\\.)*)"', re.search(name + r"\[\] = \{(.*?)\n?\s*\};", text, re.S).group(1))

    def test_subjects_that_name_workloads(self):
        ours = self.strings("cli/doctor_jwt.c", "prefixes")
        self.assertIn("system:serviceaccount:", ours)
        self.assertEqual(ours, self.strings("lib/acquire/endpoint_explain.c", "prefixes"))

    def test_what_the_default_chain_is_narrowed_to(self):
        ours = self.strings("cli/credential_environment.c", "choices")
        self.assertEqual(ours[0], "prod")
        library = self.strings("lib/acquire/environment_choose.c", "choices")
        self.assertEqual(ours, library[: library.index("dev")])

    def test_variables_that_show_a_kind(self):
        ours = self.strings("cli/credential_environment.c", "signs")
        self.assertIn("AZURE_FEDERATED_TOKEN_FILE", ours)
        self.assertEqual(ours, self.strings("lib/acquire/environment_choose.c", "candidates"))


class Doctor(Acquiring):
    def setUp(self):
        super().setUp()
        self.issuer.call("/apps", self.application())

    def failed(self, said, status, layer, row, *checks):
        """This is what failed, and the table of diagnoses is told with it."""
        self.assertEqual((said["status"], said["failed_layer"], (said["diagnosis"] or {"row": None})["row"]), (status, layer, row), said)
        self.assertEqual(said["ok"], False)
        for name in checks:
            self.assertIn(name, self.checks(said, "failed"))
        if row is not None:
            self.assertTrue(all(said["diagnosis"].values()), said["diagnosis"])

    def runs(self, said, *commands):
        for wanted in commands:
            self.assertTrue(any(wanted in command for command in said["commands"]), (wanted, said["commands"]))

    # --- all is well ---

    def test_all_is_well(self):
        said = self.doctor()
        self.assertEqual((said["status"], said["ok"], said["failed_layer"], said["kind"], said["failure"]), (0, True, None, "workload", None))
        self.assertEqual(self.checks(said, "failed"), [])
        for layer in ("environment", "token-file", "claims", "network", "exchange"):
            self.assertTrue(self.checks(said, "ok", layer), layer)
        token = said["token"]
        self.assertEqual((token["source"], token["token_type"], token["scope"]),
                         ("workload-identity", "Bearer", "https://management.azure.com/.default"))
        self.assertEqual((token["claims"]["appid"], token["claims"]["tid"]), (APP, TENANT))
        self.assertIn("not asked", self.check(said, "IMDS")["text"])
        self.assertIn("issued by", self.check(said, "TLS")["text"])
        self.assertEqual(said["federation"], {"issuer": self.cluster.url, "subject": SUBJECT, "audience": EXCHANGE_AUDIENCE, "compared": None})

    def test_words(self):
        done = self.command_line("doctor", "--ca-file", self.issuer.ca)
        self.assertEqual((done.status, done.err), (0, ""))
        for text in ("environment\n  ok       place: ", "\nclaims\n  ok       issuer: ", "\n  skipped  IMDS: not asked", "\nALL WELL\n"):
            self.assertIn(text, done.out)
        done = self.command_line("doctor", "--ca-file", self.issuer.ca, "--client-id", API)
        self.assertEqual(done.status, 1)
        for text in ("  FAILED   token: ", "(row 16)\n", "FAILED in the layer exchange\n", "  row               16, app-unknown\n", "  fix               "):
            self.assertIn(text, done.out)

    def test_progress_on_a_terminal_only(self):
        shown = self.on_terminal("doctor", "--ca-file", self.issuer.ca)
        self.assertEqual(shown.status, 0, shown.out)
        for text in ("looking up 127.0.0.1 …", "getting a token for arm …"):
            self.assertIn(text, shown.out)
            self.assertIn("\r\x1b[K", shown.out.split(text)[1])
        shown = self.on_terminal("doctor", "--offline", env=self.pod(NO_COLOR="1"))
        self.assertEqual((shown.status, "\x1b" in shown.out), (0, False), shown.out)

    # --- environment ---

    def test_case_95_a_host_without_anything(self):
        before = time.monotonic()
        env = self.bare(AZURE_POD_IDENTITY_AUTHORITY_HOST="http://127.0.0.1:9")
        said = self.doctor(env=env)
        self.assertLess(time.monotonic() - before, 3)
        self.assertEqual((said["status"], said["kind"], said["where"], said["failed_layer"]), (2, None, "unknown", "environment"))
        self.assertIn("nothing gives this process an identity", self.check(said, "credential")["text"])
        before = time.monotonic()
        said = self.doctor(env=self.bare())  # whatever is or is not at the address of IMDS
        self.assertLess(time.monotonic() - before, 3)
        self.assertEqual(self.doctor("--offline", env=self.bare())["status"], 2)

    def test_row_49_nothing_of_the_webhook(self):
        said = self.doctor(env=self.bare(KUBERNETES_SERVICE_HOST="10.0.0.1"))
        self.failed(said, 2, "environment", 49)
        self.assertEqual((said["where"], said["kind"]), ("pod", "workload"))
        self.runs(said, "azure.workload.identity/use", "azure.workload.identity/client-id=CLIENT-ID")
        self.failed(self.doctor(env=self.pod(AZURE_FEDERATED_TOKEN_FILE=None)), 2, "environment", 49)

    def test_row_50_no_annotation(self):
        said = self.doctor(env=self.pod(AZURE_CLIENT_ID=None))
        self.failed(said, 2, "environment", 50, "AZURE_CLIENT_ID")
        self.runs(said, "kubectl -n default annotate serviceaccount orders azure.workload.identity/client-id=", "rollout restart")
        self.assertEqual(self.check(said, "token")["result"], "skipped")
        self.assertEqual(self.issuer.stats()["token"], 0)

    def test_values_that_can_not_be_right(self):
        self.failed(self.doctor(env=self.pod(AZURE_TENANT_ID="common")), 2, "environment", 27, "AZURE_TENANT_ID")
        said = self.doctor(env=self.pod(AZURE_TENANT_ID="not a tenant"))
        self.failed(said, 2, "environment", 27, "AZURE_TENANT_ID")
        self.assertNotIn("not a tenant", json.dumps(said))
        said = self.doctor(env=self.pod(AZURE_CLIENT_ID="/subscriptions/s/resourceGroups/g"))
        self.assertEqual(self.check(said, "AZURE_CLIENT_ID")["row"], 16)
        self.failed(self.doctor(env=self.pod(AZURE_AUTHORITY_HOST="http://login.microsoftonline.com")), 2, "environment", 28)
        self.failed(self.doctor(env=self.pod(AZURE_AUTHORITY_HOST="https://a.example/path")), 2, "environment", 28)
        said = self.doctor("--offline", env=self.pod(AZURE_AUTHORITY_HOST="https://login.microsoftonline.us/"))
        self.assertEqual(self.check(said, "AZURE_AUTHORITY_HOST")["text"], "https://login.microsoftonline.us")
        self.assertIn("api://AzureADTokenExchangeUSGov is usual", self.check(said, "audience")["text"])

    def test_secret(self):
        said = self.doctor(env=self.pod(AZURE_CLIENT_SECRET=SECRET))
        self.assertEqual((said["status"], said["kind"]), (0, "secret"))
        said = self.doctor("secret", env=self.pod(AZURE_CLIENT_SECRET=OTHER))
        self.failed(said, 1, "exchange", 18)
        self.assertEqual((self.check(said, "AZURE_CLIENT_SECRET")["row"], self.check(said, "AZURE_CLIENT_SECRET")["result"]), (18, "warning"))
        self.failed(self.doctor("secret"), 2, "environment", 20, "AZURE_CLIENT_SECRET")
        self.failed(self.doctor("certificate"), 2, "environment", 20, "AZURE_CLIENT_CERTIFICATE_PATH")

    def test_case_76_rows_58_and_60_token_proxy(self):
        for variables, check in (({"AZURE_KUBERNETES_CA_DATA": "x", "AZURE_KUBERNETES_CA_FILE": "/x", "AZURE_KUBERNETES_TOKEN_PROXY": "https://a.example"},
                                  "AZURE_KUBERNETES_CA_FILE"),
                                 ({"AZURE_KUBERNETES_SNI_NAME": "a.example"}, "AZURE_KUBERNETES_SNI_NAME"),
                                 ({"AZURE_KUBERNETES_TOKEN_PROXY": "http://a.example"}, "AZURE_KUBERNETES_TOKEN_PROXY"),
                                 ({"AZURE_KUBERNETES_TOKEN_PROXY": "https://a.example/?x=1"}, "AZURE_KUBERNETES_TOKEN_PROXY")):
            self.failed(self.doctor("--offline", env=self.pod(**variables)), 2, "environment", 60, check)
        said = self.doctor("--offline", env=self.pod(AZURE_KUBERNETES_TOKEN_PROXY="https://a.example", AZURE_KUBERNETES_CA_FILE="/nowhere"))
        self.failed(said, 2, "environment", 58, "CA of the token proxy")

    def test_http_proxies(self):
        said = self.doctor("--offline", env=self.pod(HTTPS_PROXY="http://name:password@proxy.example:3128"))
        self.assertIn("proxy.example:3128, not used", self.check(said, "HTTPS_PROXY")["text"])
        self.assertNotIn("password", json.dumps(said))
        said = self.doctor("managed", "--offline", env=self.bare(HTTP_PROXY="http://proxy.example:3128"))
        self.assertEqual(self.check(said, "NO_PROXY")["row"], 43)
        said = self.doctor("managed", "--offline", env=self.bare(HTTP_PROXY="http://proxy.example:3128", NO_PROXY="a, 169.254.169.254"))
        self.assertNotIn("NO_PROXY", self.checks(said, "warning"))

    # --- token file ---

    def test_rows_51_to_53_file(self):
        self.failed(self.doctor(env=self.pod(AZURE_FEDERATED_TOKEN_FILE="/nowhere/token")), 2, "token-file", 51, "file")
        empty = self.write("empty", " \n")
        self.failed(self.doctor(env=self.pod(AZURE_FEDERATED_TOKEN_FILE=empty)), 2, "token-file", 53, "content")
        self.failed(self.doctor(env=self.pod(AZURE_FEDERATED_TOKEN_FILE=self.folder.name)), 2, "token-file", 53, "file")
        for text in ("a" * 70000, "a.b\0.c"):
            self.failed(self.doctor(env=self.pod(AZURE_FEDERATED_TOKEN_FILE=self.write("bad", text))), 2, "token-file", 53, "content")
        fifo = self.place / "fifo"
        if not fifo.exists():
            os.mkfifo(fifo)
        self.failed(self.doctor(env=self.pod(AZURE_FEDERATED_TOKEN_FILE=str(fifo))), 2, "token-file", 53, "file")
        closed = self.write("closed", "a.b.c", 0)
        somebody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}  # root may read everything
        said = self.doctor("--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=closed), **somebody)
        self.failed(said, 2, "token-file", 52, "file")
        self.assertIn(f"may not be read by user {somebody.get('user', os.geteuid())}", self.check(said, "file")["text"])
        self.assertEqual(self.issuer.stats()["token"], 0)

    def test_mode_and_owner_are_told(self):
        readable = self.write("readable", self.service_account(), 0o644)
        text = self.check(self.doctor("--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=readable)), "file")["text"]
        self.assertIn(f"{readable}, mode 0644, of user {os.getuid()} and group {os.getgid()}, read as user {os.geteuid()}", text)
        self.assertTrue(pathlib.Path(readable).stat().st_mode & stat.S_IROTH)

    def test_option_beside_the_variable(self):
        said = self.doctor("--offline", "--token-file", self.token_file, env=self.pod(AZURE_FEDERATED_TOKEN_FILE="/other"))
        self.assertEqual((self.check(said, "path")["result"], self.check(said, "path")["row"]), ("warning", 51))

    # --- claims ---

    def claims(self, *options, env=None, **claims):
        path = self.write("claims", self.service_account(**claims))
        return self.doctor("--offline", *options, env=env or self.pod(AZURE_FEDERATED_TOKEN_FILE=path))

    def test_row_12_form(self):
        for text in ("a.b", "not a token at all", "....", "e30.e30.AAAA" * 3):
            said = self.doctor("--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=self.write("form", text)))
            self.failed(said, 2, "claims", 12, "form")
            self.assertIn(f"{text.count('.') + 1} segments where 3 are due, {len(text)} bytes", self.check(said, "form")["text"])

    def test_rows_of_claims(self):
        now = int(time.time())
        self.failed(self.claims(exp=now - 60, iat=now - 3660), 2, "claims", 54, "expiry")
        self.failed(self.claims(iss="https://kubernetes.default.svc.cluster.local"), 2, "claims", 55, "issuer")
        self.failed(self.claims(exp=now + 86400 * 365, iat=now), 2, "claims", 7, "lifetime")
        said = self.claims(iss=ISSUER)
        self.assertEqual((said["status"], self.check(said, "issuer")["text"]), (0, ISSUER))
        self.assertEqual(self.check(self.claims(exp=now + 10, iat=now - 3590), "expiry")["row"], 54)
        self.assertEqual(self.check(self.claims(iat=now + 300, nbf=now + 300, exp=now + 3900), "clock")["row"], 57)
        self.assertEqual(self.check(self.claims(aud=["https://kubernetes.default.svc"]), "audience")["row"], 3)
        self.failed(self.claims(aud=["api://AKSIdentityBinding"]), 2, "claims", 3, "audience")
        said = self.claims(sub="alice@example.com")
        self.assertEqual((self.check(said, "subject")["result"], said["federation"]), ("warning", None))
        self.assertNotIn("alice", json.dumps(said))

    def test_row_13_algorithm(self):
        curve = self.another("--kubernetes", "--algorithm", "ES256", "--path", "/c/")
        path = self.write("es256", self.service_account(curve))
        said = self.doctor("--offline", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))
        self.failed(said, 2, "claims", 13, "signature")

    # --- network ---

    def test_row_56(self):
        said = self.doctor(env=self.pod(AZURE_AUTHORITY_HOST="https://no-such-host.invalid"))
        self.failed(said, 3, "network", 56, "DNS")
        self.assertEqual(self.check(said, "token")["result"], "skipped")
        self.failed(self.doctor(env=self.pod(AZURE_AUTHORITY_HOST="https://127.0.0.1:1")), 3, "network", 56, "TCP")
        done = self.command_line("doctor", "--json")  # without the CA
        self.failed(done.json, 3, "network", 56, "TLS")
        self.assertIn('the certificate is issued by "assay development CA"', self.check(done.json, "TLS")["text"])

    def test_case_98_no_variable_turns_verification_off(self):
        env = self.pod(SSL_CERT_FILE=self.issuer.ca, CURL_CA_BUNDLE=self.issuer.ca, PYTHONHTTPSVERIFY="0", NODE_TLS_REJECT_UNAUTHORIZED="0",
                       GIT_SSL_NO_VERIFY="1", SSL_CERT_DIR=self.folder.name)
        for options in ([], ["--ca-file", self.cluster.ca]):
            self.failed(self.command_line("doctor", "--json", *options, env=env).json, 3, "network", 56, "TLS")
            self.assertEqual(self.command_line("token", "--resource", "arm", *options, env=env).status, 3)

    def test_case_96_row_57_clock(self):
        """The clock by the authority's Date, where the exchange is not even made."""
        for ahead in (600, -600):
            with Canned(lambda _: (400, {}, UNKNOWN), ahead) as authority:
                said = self.doctor("--allow-loopback-http", env=self.pod(AZURE_AUTHORITY_HOST=authority.url))
            check = [each for each in said["checks"] if each["check"] == "clock" and each["layer"] == "network"][0]
            self.assertEqual((check["result"], check["row"]), ("warning", 57))
            self.assertRegex(check["text"], r"(59\d|60\d) s " + ("behind" if ahead > 0 else "ahead"))

    def test_row_09_keys_of_the_issuer(self):
        """The token is checked as Entra will, where its issuer can be reached."""
        both = self.write("both.pem", pathlib.Path(self.issuer.ca).read_text() + pathlib.Path(self.cluster.ca).read_text())
        rotating = self.another("--kubernetes", "--path", "/r/")
        path = self.write("rotating", self.service_account(rotating))
        for token, options, result, row in ((self.token_file, ["--ca-file", both], "ok", None), (path, ["--allow-loopback-http"], "ok", None),
                                            (self.token_file, [], "skipped", None)):
            said = self.command_line("doctor", "--json", *(options or ["--ca-file", self.issuer.ca]),
                                     env=self.pod(AZURE_FEDERATED_TOKEN_FILE=token)).json
            check = self.check(said, "keys of the issuer")
            self.assertEqual((check["result"], check["row"]), (result, row), check)
        rotating.call("/rotate", {"drop_old": True})
        said = self.doctor("--allow-loopback-http", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))
        self.assertEqual((self.check(said, "keys of the issuer")["result"], self.check(said, "keys of the issuer")["row"]), ("warning", 9))
        forged = self.write("forged", self.service_account(rotating)[:-8] + "AAAAAAAA")
        said = self.doctor("--allow-loopback-http", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=forged))
        self.assertEqual(self.check(said, "keys of the issuer")["row"], 9)
        rotating.call("/fault", {"target": "metadata", "kind": "wrong-issuer"})
        said = self.doctor("--allow-loopback-http", env=self.pod(AZURE_FEDERATED_TOKEN_FILE=path))
        self.assertEqual(self.check(said, "keys of the issuer")["row"], 15)

    def test_unknown_tenant(self):
        with Canned(lambda _: (400, {}, UNKNOWN)) as authority:
            said = self.doctor("--allow-loopback-http", env=self.pod(AZURE_AUTHORITY_HOST=authority.url))
        self.assertEqual((self.check(said, "HTTP")["result"], self.check(said, "HTTP")["row"]), ("warning", 27))

    # --- resource ---

    def test_rows_61_to_63_resource(self):
        said = self.doctor("--resource-status", "403", "--resource", "keyvault")
        self.failed(said, 1, "resource", 61)
        self.runs(said, f"az role assignment list --assignee {said['token']['claims']['oid']} --all")
        self.failed(self.doctor("--resource-status", "401", "--resource", "storage"), 1, "resource", 62)
        for status in ("401", "403"):
            self.failed(self.doctor("--resource-status", status, "--resource", "aks"), 1, "resource", 63)
        said = self.doctor("--resource-status", "403", "--client-id", API)
        self.assertEqual((said["failed_layer"], self.check(said, "status")["result"]), ("exchange", "skipped"))

    def test_usage(self):
        for arguments in (["nonsense"], ["--resource-status", "200"], ["--print"], ["managed", "--secret-file", "x"]):
            done = self.command_line("doctor", *arguments)
            self.assertEqual((done.status, done.out), (2, ""))
        self.assertIn("--compare", self.command_line("doctor", "--help").out)


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
