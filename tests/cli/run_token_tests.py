#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""assay token against the development issuer, over TLS: run_token_tests.py COMMAND [TEST…]"""

import base64
import datetime
import json
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest

from acquiring import Acquiring
from token_shapes import API, APP, OTHER, SECRET, TENANT, Certificate, TokenTests, decode

VAULT = "https://vault.azure.net"
KUBERNETES = "6dae42f8-4368-4678-94ff-3960e28e3643"
MEMBERS = ["ok", "token", "token_type", "issued_token_type", "expires_at", "expires_in", "scope", "source", "kind", "tenant",
           "client_id"]
FAILURE = ["ok", "code", "code_number", "category", "check", "message", "hint", "expected", "found", "http_status", "www_authenticate",
           "retry_after", "server_code", "correlation_id", "trace_id", "claims", "clock_skew", "diagnosis"]


class Token(Acquiring):
    def setUp(self):
        super().setUp()
        self.issuer.call("/apps", self.application())

    def refused(self, done, status, *said):
        self.assertEqual((done.status, done.out), (status, ""), done.err)
        for text in said:
            self.assertIn(text, done.err)

    # --- forms ---

    def test_bare(self):
        done = self.token("workload", "--resource", "keyvault")
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertTrue(done.out.endswith("\n") and done.out.count("\n") == 1)
        _, claims = decode(done.out.strip())
        self.assertEqual((claims["aud"], claims["appid"], claims["tid"]), (VAULT, APP, TENANT))
        printed = self.token("workload", "--resource", "keyvault", "--print")
        self.assertEqual(len(printed.out.split(".")), 3)

    def test_json(self):
        before = int(time.time())
        done = self.token("workload", "--scope", VAULT + "/.default", "--json")
        said = done.json
        self.assertEqual((done.status, list(said)), (0, MEMBERS))
        self.assertEqual((said["ok"], said["token_type"], said["issued_token_type"], said["scope"], said["source"], said["kind"]),
                         (True, "Bearer", None, VAULT + "/.default", "workload-identity", "workload"))
        self.assertEqual((said["tenant"], said["client_id"]), (TENANT, APP))
        self.assertLessEqual(abs(said["expires_at"] - before - 3600), 30)
        self.assertLessEqual(abs(said["expires_in"] - 3600), 30)
        self.assertEqual(decode(said["token"])[1]["aud"], VAULT)

    def test_header(self):
        done = self.token("workload", "--resource", "keyvault", "--header")
        self.assertRegex(done.out, r"\AAuthorization: Bearer [\w-]+\.[\w-]+\.[\w-]+\n\Z")

    def test_table_on_a_terminal(self):
        done = self.on_terminal("token", "workload", "--resource", "keyvault", "--ca-file", self.issuer.ca)
        self.assertEqual(done.status, 0, done.out)
        for text in ("TOKEN", "workload-identity", TENANT, APP, VAULT + "/.default", "Bearer", "--print", "--header"):
            self.assertIn(text, done.out)
        self.assertRegex(done.out, r" UTC  \(in (59 min|1 h)\)")
        self.assertNotIn("eyJ", done.out)
        self.assertIn("getting a token (workload)", done.out)  # and the line is taken back
        self.assertIn("\r\x1b[K", done.out.split("getting a token")[1])
        printed = self.on_terminal("token", "workload", "--resource", "keyvault", "--ca-file", self.issuer.ca, "--print")
        self.assertIn("eyJ", printed.out)

    def test_forms_exclude_one_another(self):
        self.refused(self.token("workload", "--resource", "keyvault", "--json", "--header"), 2, "exclude one another")

    def exec_credential(self, info=None, *options, **variables):
        cache = tempfile.mkdtemp(dir=self.folder.name)
        env = self.pod(KUBERNETES_EXEC_INFO=info, **{"XDG_CACHE_HOME": cache, **variables})
        return self.token("workload", "--exec-credential", *options, env=env), pathlib.Path(cache)

    def test_exec_credential(self):
        for version in ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1", None):
            info = None if version is None else json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}})
            done, cache = self.exec_credential(info)
            self.assertEqual(done.status, 0, done.err)
            said = done.json
            self.assertEqual((said["apiVersion"], said["kind"]), (version or "client.authentication.k8s.io/v1", "ExecCredential"))
            self.assertEqual(sorted(said["status"]), ["expirationTimestamp", "token"])
            expiry = datetime.datetime.strptime(said["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")
            left = expiry.replace(tzinfo=datetime.timezone.utc).timestamp() - time.time()
            self.assertLessEqual(abs(left - 3600), 30)
            self.assertEqual(decode(said["status"]["token"])[1]["aud"], KUBERNETES)

    def test_exec_credential_refuses_other_versions(self):
        for info in ('{"apiVersion":"client.authentication.k8s.io/v1alpha1","kind":"ExecCredential"}', "{", "[]", '{"apiVersion":7}',
                     '{"apiVersion":"client.authentication.k8s.io/v1","kind":"Other"}'):
            self.refused(self.exec_credential(info)[0], 2, "KUBERNETES_EXEC_INFO")
        self.assertEqual(self.issuer.stats()["token"], 0)

    def test_exec_credential_shares_its_token(self):
        cache = tempfile.mkdtemp(dir=self.folder.name)
        for variables, at in (({"XDG_CACHE_HOME": cache}, pathlib.Path(cache, "assay")),
                              ({"HOME": cache, "XDG_CACHE_HOME": "relative"}, pathlib.Path(cache, ".cache/assay"))):
            self.issuer.call("/stats/reset", {})
            outs = {self.token("workload", "--exec-credential", env=self.pod(**variables)).out for _ in range(3)}
            self.assertEqual((len(outs), self.issuer.stats()["token"]), (1, 1))
            self.assertEqual(at.stat().st_mode & 0o777, 0o700)
            self.assertTrue(all(file.stat().st_mode & 0o777 == 0o600 for file in at.iterdir()))

    def test_exec_credential_without_a_private_folder(self):
        cache = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        (cache / "assay").mkdir(mode=0o755)
        done = self.token("workload", "--exec-credential", env=self.pod(XDG_CACHE_HOME=str(cache)))
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("mode 0700", done.err)
        self.assertEqual(list((cache / "assay").iterdir()), [])
        self.assertEqual(self.token("workload", "--exec-credential", env=self.pod(HOME=None)).status, 0)

    def test_cache_directory(self):
        cache = tempfile.mkdtemp(dir=self.folder.name)
        for _ in range(2):
            self.assertEqual(self.token("workload", "--resource", "arm", "--cache-directory", cache).status, 0)
        self.assertEqual(self.issuer.stats()["token"], 1)
        os.chmod(cache, 0o755)
        self.refused(self.token("workload", "--resource", "arm", "--cache-directory", cache), 2, "ASSAY_E_CONFIG_STORE")

    # --- kinds ---

    def works(self, done, source, audience=VAULT, client=APP):
        self.assertEqual(done.status, 0, done.err)
        said = done.json
        self.assertIn(source, said["source"])
        claims = decode(said["token"])[1]
        self.assertEqual((claims["aud"], claims["appid"]), (audience, client))
        return said

    def test_default_chain(self):
        self.works(self.token("--resource", "keyvault", "--json"), "workload-identity")
        self.works(self.token("default", "--resource", "keyvault", "--json", env=self.pod(AZURE_CLIENT_SECRET=SECRET)), "client-secret")

    def test_default_chain_by_name(self):
        both = {"AZURE_CLIENT_SECRET": SECRET}
        for value, source in (("prod", "client-secret"), ("EnvironmentCredential", "client-secret"), ("WORKLOADIDENTITYCREDENTIAL", "workload-identity")):
            env = self.pod(AZURE_TOKEN_CREDENTIALS=value, **both)
            for options in ([], ["--client-id", APP]):  # which says who, and not how
                self.works(self.token("--resource", "keyvault", "--json", *options, env=env), source)
        for value in ("dev", "AzureCliCredential", SECRET):
            for options in ([], ["--client-id", APP], ["on-behalf-of", "--user-token", self.token_file]):
                done = self.token("--resource", "keyvault", *options, env=self.pod(AZURE_TOKEN_CREDENTIALS=value))
                self.assertEqual((done.status, done.out), (2, ""))
                self.assertIn("AZURE_TOKEN_CREDENTIALS is " if value != SECRET or options[:1] == ["--client-id"] else "AZURE_TOKEN_CREDENTIALS has", done.err)
                self.assertNotIn(SECRET, done.err)
        env = self.pod(AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")
        for options in ([], ["--client-id", APP]):
            self.assertIn("neither AZURE_CLIENT_SECRET nor", self.token("--resource", "keyvault", *options, env=env).err)
        # a kind that is named stands
        self.works(self.token("workload", "--resource", "keyvault", "--json", env=self.pod(AZURE_TOKEN_CREDENTIALS="dev")), "workload-identity")
        # why the others were skipped is told
        env = self.pod(AZURE_TOKEN_CREDENTIALS="WorkloadIdentityCredential", AZURE_FEDERATED_TOKEN_FILE="/nowhere")
        self.assertIn("left out, since AZURE_TOKEN_CREDENTIALS is WorkloadIdentityCredential", self.token("--resource", "keyvault", env=env).err)

    def test_case_03_options_win(self):
        env = self.pod(AZURE_TENANT_ID=OTHER, AZURE_CLIENT_ID=API, AZURE_FEDERATED_TOKEN_FILE="/nowhere", AZURE_AUTHORITY_HOST="https://a.example")
        options = ["--tenant", TENANT, "--client-id", APP, "--token-file", self.token_file, "--authority", self.issuer.base]
        for kind in (["workload"], []):  # --token-file means workload
            self.works(self.token(*kind, "--resource", "keyvault", "--json", *options, env=env), "workload-identity")
        self.works(self.token("workload", "--resource", "keyvault", "--json", *options, env=self.bare()), "workload-identity")
        # without a kind, what only says who it is belongs to what the environment configures first
        self.works(self.token("--resource", "keyvault", "--json", "--client-id", APP, env=self.pod(AZURE_CLIENT_ID=API)), "workload-identity")

    def test_secret(self):
        self.works(self.token("secret", "--resource", "keyvault", "--json", "--secret-file", self.secret_file), "client-secret")
        self.works(self.token("--resource", "keyvault", "--json", "--secret-file", "-", stdin=SECRET.encode()), "client-secret")
        self.works(self.token("secret", "--resource", "keyvault", "--json", env=self.pod(AZURE_CLIENT_SECRET=SECRET)), "client-secret")

    def test_certificate(self):
        pair = Certificate(self.folder.name, "pair")
        self.issuer.call("/apps", self.application(certificates=[pair.pem]))
        options = ["--resource", "keyvault", "--json", "--certificate", pair.path]
        self.works(self.token("certificate", *options, "--key", pair.key), "client-certificate")
        self.works(self.token(*options, "--key", pair.key, "--send-chain"), "client-certificate")
        both = self.write("both.pem", pair.pem + pathlib.Path(pair.key).read_text())
        self.works(self.token("certificate", "--resource", "keyvault", "--json", env=self.pod(AZURE_CLIENT_CERTIFICATE_PATH=both)),
                   "client-certificate")
        self.refused(self.token("certificate", "--resource", "keyvault", "--certificate", pair.path), 2, "ASSAY_E_CONFIG_SIGNING_KEY")

    def test_on_behalf_of(self):
        claims = {"aud": APP, "scp": "access", "tid": TENANT}
        user = self.issuer.call("/mint", {"entra": "user", "version": 2, "tenant": TENANT, "claims": claims})
        path = self.write("user", user)
        done = self.token("on-behalf-of", "--user-token", path, "--resource", "graph", "--json")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("scp", decode(done.json["token"])[1])
        done = self.token("--user-token", "-", "--secret-file", self.secret_file, "--resource", "graph", "--json", stdin=user.encode())
        self.assertEqual(done.status, 0, done.err)
        self.issuer.call("/fault", {"target": "token", "kind": "aadsts", "value": 50076})
        done = self.token("on-behalf-of", "--user-token", path, "--resource", "graph", "--json")
        said = done.json
        self.assertEqual((done.status, said["code"], said["diagnosis"]["row"]), (1, "ASSAY_E_INTERACTION_REQUIRED", 31))
        self.assertIn("capolids", json.loads(said["claims"])["access_token"])
        self.assertIn("insufficient_claims", said["www_authenticate"])
        self.refused(self.token("on-behalf-of", "--resource", "graph"), 2, "--user-token")

    def test_claims_and_challenge(self):
        claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
        encoded = base64.b64encode(claims.encode()).decode()
        challenge = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
        for option, value in (("--claims", claims), ("--challenge", challenge)):
            self.works(self.token("workload", "--resource", "keyvault", "--json", option, value), "workload-identity")
            sent = self.last_request()
            self.assertIn("nbf", json.dumps(sent))
        self.refused(self.token("workload", "--resource", "keyvault", "--challenge", "Bearer"), 2, "ASSAY_E_ARGUMENT")

    # --- failures ---

    def test_failure_json(self):
        done = self.token("workload", "--resource", "keyvault", "--json", "--client-id", API)
        said = done.json
        self.assertEqual((done.status, done.err, list(said)), (1, "", FAILURE))
        self.assertEqual((said["ok"], said["code"], said["category"], said["server_code"]),
                         (False, "ASSAY_E_GRANT", "credential", "AADSTS700016"))
        self.assertRegex(said["correlation_id"], r"\A[0-9a-f-]{36}\Z")
        self.assertEqual((said["diagnosis"]["row"], said["diagnosis"]["layer"]), (16, "exchange"))

    def test_failure_on_standard_error(self):
        self.refused(self.token("workload", "--resource", "keyvault", "--client-id", API), 1, "REFUSED", "AADSTS700016",
                     "correlation id", "16, app-unknown", "ASSAY_E_GRANT (-710)")

    def test_exit_statuses(self):
        ask = ["workload", "--resource", "keyvault"]
        self.refused(self.token(*ask, "--token-file", "/nowhere/token"), 2, "ASSAY_E_TOKEN_FILE_MISSING", "51, file-missing")
        self.refused(self.token(*ask, env=self.pod(AZURE_CLIENT_ID=None)), 2, "AZURE_CLIENT_ID")
        self.refused(self.token(*ask, env=self.pod(AZURE_TENANT_ID="common")), 2, "ASSAY_E_CONFIG_TENANT")
        self.refused(self.token("workload", "--scope", "a/.default b/.default"), 2, "ASSAY_E_CONFIG_SCOPE")
        self.refused(self.token(*ask, "--authority", "https://127.0.0.1:1", "--timeout", "2"), 3, "COULD NOT DECIDE", "56, network")
        self.refused(self.command_line("token", *ask), 3, "ASSAY_E_TLS")
        self.issuer.call("/fault", {"target": "token", "kind": "throttled", "value": 77})
        self.refused(self.token(*ask, "--timeout", "2"), 3, "ASSAY_E_THROTTLED", "77 s", "36, throttled")
        self.issuer.call("/fault", {"target": "token", "kind": "status", "value": 503})
        self.refused(self.token(*ask, "--timeout", "4"), 3, "38, server-transient")

    @staticmethod
    def falls_silent(issuer):
        """Once one request has arrived."""
        end = time.monotonic() + 30
        while issuer.stats()["token"] < 1 and time.monotonic() < end:
            time.sleep(0.02)
        issuer.call("/fault", {"target": "token", "kind": "slow", "value": 6000})

    def test_time_that_ends_before_the_second_answer(self):
        for form in ((), ("--json",)):
            issuer = self.another("--entra", tls=True)  # the command may ask once more as it ends, and that is not the next one's
            issuer.call("/apps", self.application())
            issuer.call("/fault", {"target": "token", "kind": "aadsts", "value": 90033})
            ask = ["token", "workload", "--resource", "keyvault", "--authority", issuer.base, "--ca-file", issuer.ca]
            changing = threading.Thread(target=self.falls_silent, args=[issuer])
            changing.start()
            done = self.command_line(*ask, "--timeout", "3", *form)
            changing.join(60)
            if form:
                self.assertEqual((done.status, done.json["code"], done.json["server_code"]), (3, "ASSAY_E_GRANT_UNAVAILABLE", "AADSTS90033"))
                self.assertEqual(done.json["diagnosis"]["row"], 38)
            else:
                self.refused(done, 3, "AADSTS90033", "the time was up before another try was answered", "correlation id", "38, server-transient")
        self.refused(self.command_line(*ask, "--timeout", "1"), 3, "ASSAY_E_TIMEOUT", "no complete answer in time from 127.0.0.1")

    def test_case_01_nothing_configured(self):
        done = self.token("workload", "--resource", "keyvault", env=self.bare())
        self.refused(done, 2, "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")

    def test_propagation(self):
        self.issuer.call("/fault", {"target": "token", "kind": "aadsts", "value": 70021, "count": 1})
        self.works(self.token("workload", "--resource", "keyvault", "--json", "--wait-for-propagation"), "workload-identity")
        self.assertEqual(self.issuer.stats()["token"], 2)

    def test_usage(self):
        for arguments, said in ((["nonsense"], "there are default, workload"), (["workload"], "--resource R"),
                                (["workload", "--resource", "a", "--resource", "b"], "one resource"),
                                (["workload", "--resource", "a", "--scope", "b"], "one resource"),
                                (["managed", "--resource", "a", "--secret-file", "x"], "--secret-file does not go with managed"),
                                (["workload", "--resource", "a", "--identity", "x"], "--identity does not go with workload"),
                                (["managed", "--resource", "a", "--identity", "client-id:"], "--identity is system"),
                                (["workload", "--resource", "a", "--timeout", "0"], "--timeout"),
                                (["workload", "--resource", "a", "--token-proxy-mode", "maybe"], "auto, on or off"),
                                (["workload", "--resource", "a", "--token-proxy-ca", "x"], "go with --token-proxy"),
                                (["exchange", "--actor-file", "x"], "go together"),
                                (["workload", "--resource", "a", "--claims", "{}", "--challenge", "x"], "give one"),
                                (["client-credentials", "--secret-file", "a", "--certificate", "b"], "two proofs"),
                                (["--token-endpoint", "https://a.example"], "goes with a kind"),
                                (["secret", "--resource", "a", "--secret-file", "/nowhere"], "can't open"),
                                (["secret", "--resource", "a", "--secret-file", os.devnull], "holds no secret"),
                                (["on-behalf-of", "--resource", "a", "--secret-file", "-", "--user-token", "-"], "only one"),
                                (["workload", "--resource", "a", "more"], "unexpected argument")):
            self.refused(self.token(*arguments, stdin=b"x"), 2, said)
        self.assertEqual(self.issuer.stats()["token"], 0)

    def test_help(self):
        done = self.command_line("token", "--help")
        self.assertEqual(done.status, 0)
        for text in ("--exec-credential", "--secret-file FILE|-", "never on the command line", "on-behalf-of"):
            self.assertIn(text, done.out)
        self.assertIn("token ", self.command_line("--help").out)


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
