#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The development issuer's token endpoint of Entra, over plain HTTP on loopback: run_issuer_token_tests.py COMMAND [TEST…]"""

import email.utils
import json
import socket
import ssl
import sys
import time
import unittest
import urllib.error
import urllib.parse

import token_shapes
from token_shapes import (API, APP, ASSERTION_TYPE, EXCHANGE_AUDIENCE, FORM, JWT_BEARER, OTHER, PUBLIC, SECRET, SUBJECT, TENANT,
                          Certificate, TokenTests, decode, encode, sha256)

PATH = f"/{TENANT}/oauth2/v2.0/token"


class Entra(TokenTests):
    options = ("--entra",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = cls.another("--kubernetes", "--path", "/Cluster/", "--audience", EXCHANGE_AUDIENCE)
        cls.certificate = Certificate(cls.folder.name, "app")
        cls.issuer.call("/apps", {"client_id": APP, "tenant": TENANT, "secret": [SECRET, "second"], "expired_secret": "old",
                                  "certificates": cls.certificate.pem,
                                  "federated": [{"issuer": cls.cluster.url, "subject": SUBJECT, "audience": EXCHANGE_AUDIENCE}]})
        cls.issuer.call("/apps", {"client_id": PUBLIC, "tenant": TENANT, "public": True})

    def secret(self, scope=f"{API}/.default", path=PATH, headers=None, **changes):
        form = {"client_id": APP, "scope": scope, "grant_type": "client_credentials", "client_secret": SECRET, **changes}
        return self.post(path, {name: value for name, value in form.items() if value is not None}, headers)

    def assertion(self, text, path=PATH, client_id=APP, **changes):
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text, **changes}
        return self.secret(path=path, client_id=client_id, client_secret=None, **form)

    def refused(self, answer, code, status=None, error=None):
        self.assertEqual(answer.code, code, answer.body)
        if status is not None:
            self.assertEqual((answer.status, answer.json["error"]), (status, error), answer.body)
        self.assertIn(f"AADSTS{code}: ", answer.json["error_description"])

    # --- what is given ---

    def test_secret(self):
        before = int(time.time())
        answer = self.secret()
        self.assertEqual(answer.status, 200, answer.body)
        said = answer.json
        self.assertEqual(list(said), ["token_type", "expires_in", "ext_expires_in", "access_token"])
        self.assertEqual((said["token_type"], said["expires_in"]), ("Bearer", 3599))
        _, claims = decode(said["access_token"])
        self.assertEqual((claims["aud"], claims["tid"], claims["azp"], claims["azpacr"], claims["idtyp"], claims["ver"]),
                         (API, TENANT, APP, "1", "app", "2.0"))
        self.assertLessEqual(abs(claims["exp"] - before - 3599), 5)
        self.assertIn("no-store", answer.headers["Cache-Control"])
        self.assertIsNotNone(answer.headers["Date"])

    def test_every_secret_and_basic(self):
        self.assertEqual(self.secret(client_secret="second").status, 200)
        pair = f"{urllib.parse.quote_plus(APP)}:{urllib.parse.quote_plus(SECRET)}"
        basic = [("Authorization", "Basic " + token_shapes.base64.b64encode(pair.encode()).decode())]
        self.assertEqual(self.secret(client_id=None, client_secret=None, headers=basic).status, 200)

    def test_the_token_is_signed_by_this_issuer(self):
        token = self.secret(scope=f"api://{API}/.default").json["access_token"]
        done = token_shapes.subprocess.run(
            [self.command, "verify", "--json", "--issuer", f"{self.issuer.base}/sts/{TENANT}/", "--audience", f"api://{API}",
             "--allow-loopback-http"], input=token.encode(), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_case_07_resource_keeps_its_slash(self):
        _, claims = decode(self.secret(scope="https://database.windows.net//.default").json["access_token"])
        self.assertEqual((claims["aud"], claims["ver"]), ("https://database.windows.net/", "1.0"))

    def test_case_10_secret_arrives_byte_by_byte(self):
        self.secret()
        record = self.last_request()
        parameter = {each["name"]: each for each in record["parameters"]}["client_secret"]
        self.assertEqual((parameter["sha256"], parameter["length"]), (sha256(SECRET), len(SECRET.encode())))
        self.assertNotIn("value", parameter)
        self.assertNotIn(SECRET, json.dumps(record, ensure_ascii=False))
        self.assertEqual((record["endpoint"], record["status"], record["content_types"]), ("token", 200, 1))

    def test_tenant_in_another_case(self):
        _, claims = decode(self.secret(path=f"/{TENANT.upper()}/oauth2/v2.0/token").json["access_token"])
        self.assertEqual(claims["tid"], TENANT)

    def test_reserved_scopes_are_no_resource(self):
        self.assertEqual(self.secret(scope=f"{API}/.default openid profile offline_access").status, 200)

    def test_capable_clients(self):
        answer = self.secret(claims='{"access_token":{"xms_cc":{"values":["cp1"]}}}')
        _, claims = decode(answer.json["access_token"])
        self.assertEqual((answer.json["expires_in"], claims["xms_cc"]), (86400, ["cp1"]))
        self.refused(self.secret(claims="[]"), 9002313)

    def test_settings(self):
        for form, kind in (("number", int), ("string", str), ("real", float)):
            self.issuer.call("/settings", {"token_lifetime": 300, "refresh_in": 100, "expires_in_form": form})
            said = self.secret().json
            self.assertIs(type(said["expires_in"]), kind)
            self.assertEqual((int(said["expires_in"]), int(said["refresh_in"])), (300, 100))
        self.issuer.call("/settings", {"expires_in_form": "absent", "token_version": 1})
        said = self.secret().json
        self.assertNotIn("expires_in", said)
        self.assertEqual(decode(said["access_token"])[1]["ver"], "1.0")
        for wrong in ({"no_such": 1}, {"token_lifetime": "1"}, {"expires_in_form": "words"}, {"token_version": 3}):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.issuer.call("/settings", wrong)
            caught.exception.close()

    def test_correlation(self):
        ours = "0f2d5b2e-7a4c-4c5e-9d3a-1b2c3d4e5f60"
        answer = self.secret(client_secret="no", headers=[("client-request-id", ours)])
        self.assertEqual((answer.headers["client-request-id"], answer.json["correlation_id"]), (ours, ours))
        self.assertIn(f"Correlation ID: {ours}", answer.json["error_description"])
        self.assertEqual(self.last_request()["client_request_id"], ours)
        theirs = ours.replace("0f", "1f")
        answer = self.secret(client_secret="no", **{"client-request-id": theirs})  # as MSAL for Node says it
        self.assertEqual((answer.headers["client-request-id"], answer.json["correlation_id"]), (theirs, theirs))
        answer = self.secret(client_secret="no", headers=[("client-request-id", ours)], **{"client-request-id": theirs})
        self.assertEqual(answer.json["correlation_id"], ours)
        said = self.secret(client_secret="no").json
        self.assertEqual(sorted(said), sorted(["error", "error_description", "error_codes", "timestamp", "trace_id",
                                               "correlation_id", "error_uri"]))
        self.assertRegex(said["error_description"], r"^AADSTS7000215: .* Trace ID: \S+ Correlation ID: \S+ Timestamp: "
                                                    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$")

    # --- the request's form ---

    def test_case_11_one_content_type_and_no_repetition(self):
        body = urllib.parse.urlencode({"client_id": APP, "scope": f"{API}/.default", "grant_type": "client_credentials",
                                       "client_secret": SECRET})
        twice = self.send("POST", PATH, body, [("Content-Type", FORM), ("Content-Type", FORM)])
        self.refused(twice, 9002313)
        self.assertEqual(self.last_request()["content_types"], 2)
        self.refused(self.post(PATH, body + "&scope=x"), 9002313)
        counts = {each["name"]: each["count"] for each in self.last_request()["parameters"]}
        self.assertEqual((counts["scope"], self.last_request()["repeated"]), (2, True))
        for malformed in (body + "&x=%zz", body + "&x=%4", body + "&x=a b", body + "&lonely", body + "&x=%00"):
            self.refused(self.post(PATH, malformed), 9002313)
        self.refused(self.send("POST", PATH, body, [("Content-Type", "application/json")]), 900144, 400, "invalid_request")
        self.refused(self.send("POST", PATH, body), 900144)
        self.assertEqual(self.send("POST", PATH, body, [("Content-Type", FORM + "; charset=utf-8")]).status, 200)

    def test_parameters(self):
        for changes, code in (({"grant_type": None}, 900144), ({"scope": None}, 900144), ({"client_id": None}, 900144),
                              ({"client_id": ""}, 900144), ({"grant_type": "password"}, 70003),
                              ({"resource": API}, 901002), ({"client_secret": ""}, 900144),
                              ({"client_secret": None}, 7000218), ({"client_secret": "wrong"}, 7000215),
                              ({"client_secret": "old"}, 7000222), ({"client_id": OTHER}, 700016),
                              ({"client_id": PUBLIC}, 700025), ({"scope": API}, 70011),
                              ({"scope": "/.default"}, 70011), ({"scope": "openid"}, 70011),
                              ({"scope": f"{API}/.default api://x/.default"}, 28002),
                              ({"client_assertion_type": ASSERTION_TYPE, "client_assertion": "a.b.c"}, 9002313)):
            with self.subTest(changes=changes):
                self.refused(self.secret(**changes) if "scope" in changes else self.secret(f"{API}/.default", **changes), code)
        self.refused(self.send("GET", PATH), 900561)
        self.assertEqual(json.loads(self.issuer.call("/stats"))["rejected"], 18)

    def test_tenants(self):
        for tenant, code in (("common", 50059), ("organizations", 50059), ("consumers", 50059), ("a_b", 900023),
                             ("nowhere.example", 90002), ("99999999-0000-0000-0000-000000000000", 90002)):
            self.refused(self.secret(path=f"/{tenant}/oauth2/v2.0/token"), code)

    def test_statuses_and_errors(self):
        for answer, expected in ((self.secret(client_secret="no"), (401, "invalid_client")),
                                 (self.secret(client_id=OTHER), (400, "unauthorized_client")),
                                 (self.secret(scope="x"), (400, "invalid_scope"))):
            self.assertEqual((answer.status, answer.json["error"]), expected)

    # --- federated assertions ---

    def mint(self, **members):
        return self.cluster.call("/mint", members)

    def test_federated(self):
        answer = self.assertion(self.mint())
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(decode(answer.json["access_token"])[1]["azpacr"], "2")
        self.assertGreaterEqual(self.cluster.stats()["jwks"], 1)
        record = self.last_request()
        self.assertEqual(record["assertion_claims"]["sub"], SUBJECT)
        self.assertEqual(record["assertion_header"]["alg"], "RS256")

    def test_case_19_long_assertion(self):
        token = self.mint(claims={"padding": "x" * 6144})
        self.assertEqual(self.assertion(token).status, 200)
        parameter = {each["name"]: each for each in self.last_request()["parameters"]}["client_assertion"]
        self.assertEqual(parameter["sha256"], sha256(token))

    def test_federated_refusals(self):
        now = int(time.time())
        for token, code in ((self.mint(claims={"iss": self.cluster.url[:-1]}), 700211),
                            (self.mint(claims={"iss": self.cluster.url.lower()}), 7002138),
                            (self.mint(claims={"sub": "system:serviceaccount:default:other"}), 700213),
                            (self.mint(name="Orders"), 7002138),
                            (self.mint(claims={"aud": "api://AKSIdentityBinding"}), 700212),
                            (self.mint(claims={"aud": ["a", "b"]}), 700212),
                            (self.mint(claims={"exp": now + 26 * 3600}), 70023),
                            (self.mint(forge="expired"), 700024), (self.mint(forge="not-yet-valid"), 700024),
                            (self.mint(forge="no-expiry"), 5002730), (self.mint(forge="signature"), 700027),
                            (self.mint(forge="wrong-key"), 700027), (self.mint(forge="unknown-kid"), 700027),
                            (self.mint(algorithm="ES256"), 5002738), (self.mint(forge="none"), 5002738),
                            (self.mint(forge="hs256-public-key"), 5002738), ("only.two", 50027), ("text", 50027),
                            ("a.b.c", 5002730), (self.mint(forge="four-segments"), 50027), ("", 900144)):
            with self.subTest(code=code, token=token[:20]):
                self.refused(self.assertion(token), code)
        self.refused(self.assertion(self.mint(), client_id=PUBLIC), 700025, 401, "invalid_client")
        self.refused(self.assertion(self.mint(), client_assertion_type="x"), 9002313)
        self.refused(self.secret(client_secret=None, client_assertion_type=ASSERTION_TYPE), 900144)

    def test_federated_to_none_to_another_and_unreachable(self):
        self.register(client_id=API, tenant=TENANT, secret="x")
        self.refused(self.assertion(self.mint(), client_id=API), 70025, 401, "invalid_client")
        two = [{"issuer": self.cluster.url, "subject": "one", "audience": "a"},
               {"issuer": "http://127.0.0.1:1/", "subject": SUBJECT, "audience": EXCHANGE_AUDIENCE}]
        self.register(client_id=API, tenant=TENANT, federated=two)
        self.refused(self.assertion(self.mint(), client_id=API), 70021, 400, "invalid_request")
        self.refused(self.assertion(self.mint(claims={"iss": "http://127.0.0.1:1/"}), client_id=API), 90061)

    def test_federated_by_faults_of_the_issuer_of_the_token(self):
        self.cluster.call("/fault", {"target": "jwks", "kind": "status", "value": 503, "count": 8})
        self.refused(self.assertion(self.mint()), 90061)
        self.cluster.call("/fault", {"kind": "none"})
        self.cluster.call("/fault", {"target": "metadata", "kind": "wrong-issuer", "count": 8})
        self.refused(self.assertion(self.mint()), 90061)
        self.cluster.call("/fault", {"kind": "none"})
        old = self.mint()
        self.cluster.call("/rotate", {"drop_old": True})
        self.refused(self.assertion(old), 700027)
        self.assertEqual(self.assertion(self.mint()).status, 200)
        self.cluster.call("/rotate", {"algorithm": "ES256"})

    def test_jobs_of_github(self):
        names = "repo:assay-dev/orders:ref:refs/heads/main"
        for subject, immutable in ((names, "false"), ("repo:assay-dev@65/orders@74:ref:refs/heads/main", "true")):
            self.register(client_id=API, tenant=TENANT, federated={"issuer": self.cluster.url, "subject": subject,
                                                                   "audience": EXCHANGE_AUDIENCE})
            for asked in ("false", "true"):
                token = json.loads(self.cluster.call(f"/github/token?immutable={asked}&audience=api%3A%2F%2FAzureADTokenExchange",
                                                     headers={"Authorization": "bearer dev-request-token"}))["value"]
                answer = self.assertion(token, client_id=API)
                if asked == immutable:
                    self.assertEqual(answer.status, 200, answer.body)
                else:
                    self.refused(answer, 700213)
        self.register(client_id=API, tenant=TENANT, federated={"issuer": self.cluster.url, "audience": EXCHANGE_AUDIENCE,
                                                               "subject": "project_path:assay-dev/orders:ref_type:branch:ref:main"})
        self.assertEqual(self.assertion(self.mint(ci="gitlab"), client_id=API).status, 200)

    def test_case_85_managed_identity_as_federated_credential(self):
        identity = "22222222-3333-4444-5555-666666666666"
        principal = "33333333-4444-5555-6666-777777777777"
        self.register(client_id=identity, tenant=TENANT, managed_identity={"principal_id": principal, "resource_id": "/ids/a"})
        token = self.get("/metadata/identity/oauth2/token", {"api-version": "2018-02-01", "resource": EXCHANGE_AUDIENCE,
                                                             "client_id": identity}, [("Metadata", "true")]).json["access_token"]
        self.assertEqual(decode(token)[1]["iss"], f"{self.issuer.base}/{TENANT}/v2.0")
        self.register(client_id=API, tenant=OTHER, federated=[{"issuer": f"{self.issuer.base}/{TENANT}/v2.0",
                                                               "subject": principal, "audience": EXCHANGE_AUDIENCE}])
        answer = self.assertion(token, client_id=API, path=f"/{OTHER}/oauth2/v2.0/token")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(decode(answer.json["access_token"])[1]["tid"], OTHER)

    def test_entra_tokens_of_no_managed_identity(self):
        claims = {"aud": EXCHANGE_AUDIENCE, "sub": "x"}
        self.register(client_id=API, tenant=TENANT, federated=[{"issuer": f"{self.issuer.base}/{TENANT}/v2.0", "subject": "x",
                                                                "audience": EXCHANGE_AUDIENCE}])
        for kind, code in (("daemon", 700222), ("user", 700229)):
            self.refused(self.assertion(self.issuer.call("/mint", {"entra": kind, "claims": claims}), client_id=API), code)

    # --- certificates ---

    def signed(self, path=PATH, **changes):
        arguments = {"client_id": APP, "audience": f"{self.issuer.base}{PATH}", **changes}
        return self.assertion(self.certificate.assertion(**arguments), path=path)

    def test_case_81_certificate(self):
        answer = self.signed()
        self.assertEqual(answer.status, 200, answer.body)
        header = self.last_request()["assertion_header"]
        self.assertEqual(header["x5t#S256"], encode(token_shapes.hashlib.sha256(self.certificate.der).digest()))
        self.assertEqual(self.signed(algorithm="RS256").status, 200)
        sha1 = encode(token_shapes.hashlib.sha1(self.certificate.der).digest())
        self.assertEqual(self.signed(algorithm="RS256", header={"x5t#S256": None, "x5t": sha1}).status, 200)

    def test_certificate_refusals(self):
        now = int(time.time())
        stranger = Certificate(self.folder.name, "stranger")
        for changes, code in (({"iss": OTHER}, 700021), ({"sub": OTHER}, 700021),
                              ({"audience": f"{self.issuer.base}/{OTHER}/oauth2/v2.0/token"}, 700023),
                              ({"audience": f"{self.issuer.base}{PATH}/"}, 700023), ({"exp": now - 10}, 700024),
                              ({"nbf": now + 900}, 700024), ({"algorithm": "RS512"}, 700027),
                              ({"header": {"x5t#S256": "AAAA"}}, 700027)):
            with self.subTest(changes=changes):
                self.refused(self.signed(**changes), code, 401, "invalid_client")
        self.refused(self.assertion(stranger.assertion(APP, f"{self.issuer.base}{PATH}")), 700027)
        thumbprint = encode(token_shapes.hashlib.sha256(self.certificate.der).digest())
        forged = stranger.assertion(APP, f"{self.issuer.base}{PATH}", header={"x5t#S256": thumbprint})
        self.refused(self.assertion(forged), 700027)
        self.refused(self.signed(header={"alg": "RS256"}), 700027)

    # --- on behalf of ---

    def user_token(self, **members):
        return self.issuer.call("/mint", {"entra": "user", **members, "claims": {"aud": APP, **members.get("claims", {})}})

    def behalf(self, token, **changes):
        form = {"grant_type": JWT_BEARER, "requested_token_use": "on_behalf_of", "assertion": token,
                "scope": f"api://{API}/Orders.Read", **changes}
        return self.secret(**{"scope": form.pop("scope"), **form})

    def test_case_86_on_behalf_of(self):
        answer = self.behalf(self.user_token(claims={"oid": "44444444-0000-0000-0000-000000000000"}))
        self.assertEqual(answer.status, 200, answer.body)
        _, claims = decode(answer.json["access_token"])
        self.assertEqual((claims["oid"], claims["scp"], claims["aud"], claims["appid"]),
                         ("44444444-0000-0000-0000-000000000000", "Orders.Read", f"api://{API}", APP))
        self.assertNotIn("refresh_token", answer.json)
        more = self.behalf(self.user_token(claims={"aud": f"api://{APP}"}), client_info="1",
                           scope=f"api://{API}/.default openid offline_access").json
        self.assertLessEqual({"refresh_token", "id_token", "client_info"}, set(more))

    def test_on_behalf_of_refusals(self):
        cases = ((self.user_token(claims={"aud": API}), 500131), (self.user_token(forge="expired"), 500133),
                 (self.user_token(forge="signature"), 50013), (self.user_token(forge="wrong-key"), 50013), ("a.b.c", 50013),
                 (self.mint(claims={"scp": "x", "aud": APP}), 50013),
                 (self.issuer.call("/mint", {"entra": "daemon", "claims": {"aud": APP}}), 7000114), ("", 900144))
        for token, code in cases:
            with self.subTest(code=code):
                self.refused(self.behalf(token), code)
        self.refused(self.behalf(self.user_token(), requested_token_use="x"), 9002313)
        self.refused(self.behalf(self.user_token(), requested_token_use=None), 900144)
        self.refused(self.behalf(self.user_token(), scope="api://a/x api://b/y"), 28002)
        self.refused(self.behalf(self.user_token(), scope="nothing"), 70011)
        self.refused(self.behalf(self.user_token(), client_secret="wrong"), 7000215)

    # --- applications ---

    def test_applications(self):
        listed = {app["client_id"]: app for app in json.loads(self.issuer.call("/apps"))}
        self.assertEqual((listed[APP]["secret"], listed[APP]["certificates"]), (2, 1))
        self.assertNotIn(SECRET, self.issuer.call("/apps"))
        for wrong in ({"client_id": API, "no_such": 1}, {"secret": "x"}, {"client_id": API, "secret": 1}, {"client_id": ""},
                      {"client_id": API, "certificates": "no PEM"}, {"client_id": API, "tenant": "contoso"},
                      {"client_id": API, "federated": {"issuer": "x", "audience": "y"}},
                      {"client_id": API, "federated": {"issuer": "x", "subject": "s", "audience": "y", "more": 1}},
                      {"client_id": API, "managed_identity": {"principal_id": "x"}}, [1]):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.issuer.call("/apps", wrong)
            self.assertEqual(caught.exception.code, 400, wrong)
            caught.exception.close()
        self.register(client_id=API, tenant=TENANT, secret="x", disabled=True)
        self.refused(self.secret(client_id=API, client_secret="x"), 7000112)
        self.register(client_id=API, tenant=TENANT, secret="x", resources=["api://a"])
        self.refused(self.secret(client_id=API, client_secret="x", scope="api://b/.default"), 500011)
        self.assertEqual(self.secret(client_id=API, client_secret="x", scope="api://a/.default").status, 200)

    def run_command(self, *options):
        return token_shapes.subprocess.run([self.command, "issuer", "--port", "0", *options], capture_output=True, timeout=60)

    def test_applications_of_a_file(self):
        path = token_shapes.pathlib.Path(self.folder.name) / "apps.json"
        path.write_text(json.dumps([{"client_id": API, "secret": "from-a-file"}, {"client_id": APP, "public": True}]))
        issuer = self.another("--entra", "--apps", str(path))
        form = {"client_id": API, "scope": "x/.default", "grant_type": "client_credentials", "client_secret": "from-a-file"}
        self.assertEqual(self.post(PATH, form, issuer=issuer).status, 200)
        self.assertEqual(len(json.loads(issuer.call("/apps"))), 2)
        for text in ("", "[", '[{"client_id": "x", "no_such": 1}]'):
            path.write_text(text)
            done = self.run_command("--entra", "--apps", str(path))
            self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
            self.assertIn(str(path), done.stderr.decode())
        self.assertEqual(self.run_command("--apps", "/no/such/file").returncode, 2)

    def test_options_that_need_others(self):
        for options in (("--tls-name", "x.test"), ("--tls", "--proxy-path", "/p"), ("--entra", "--proxy-path", "/p"),
                        ("--entra", "--arc-folder", "relative"), ("--tls", "--tls-name", "a b"),
                        ("--entra", "--tls", "--proxy-path", "p")):
            done = self.run_command(*options)
            self.assertEqual((done.returncode, done.stdout), (2, b""), options)

    def test_bodies_of_every_kind(self):
        for body in ("", "&", "&&&", "=", "a", "%", "a=%", "=" * 4096, "&".join(f"p{each}=x" for each in range(100)), "\x7f=\x01",
                     "client_id=%ff&scope=%ff&grant_type=%ff", "grant_type=client_credentials&scope=%ff%2F.default&client_id=" + APP):
            answer = self.post(PATH, body)
            self.assertIn(answer.status, (400, 401))
            self.assertIn("AADSTS", answer.json["error_description"])
        self.assertEqual(self.post(PATH, "a=" + "x" * (2 << 20)).status, 413)
        for assertion in ("." * 2, "." * 5000, "e30.e30.", "e30.e30.AA", "bnVsbA.bnVsbA.AA", encode(b"{" * 3000) + ".e30.AA"):
            self.assertIn(self.assertion(assertion).code, (50027, 5002730, 700021))

    # --- faults ---

    def test_aadsts(self):
        for number, status, error in ((70021, 400, "invalid_request"), (700016, 400, "unauthorized_client"),
                                      (7000215, 401, "invalid_client"), (90055, 429, "temporarily_unavailable"),
                                      (50033, 503, "temporarily_unavailable"), (53003, 400, "interaction_required"),
                                      (65001, 400, "invalid_grant"), (500011, 400, "invalid_resource")):
            self.fault("aadsts", value=number)
            self.refused(self.secret(), number, status, error)
        self.fault("aadsts", value=50076)
        said = self.secret().json
        self.assertEqual((said["error"], said["suberror"]), ("interaction_required", "basic_action"))
        self.assertIn("access_token", json.loads(said["claims"]))
        self.assertEqual(self.secret().status, 200)

    def test_case_92_every_row_has_its_answer(self):
        numbers = """70021 700211 700212 7002121 700213 7002138 70025 70023 700024 700027 700021 700023 50027 5002730 5002738 700222 700226
            700227 700229 700236 90061 700016 700011 7000112 7000215 7000222 7000218 900144 700025 500011 50001 70011 1002012 28002 700022
            901002 90002 900023 90038 900382 900432 50049 50034 50076 50079 50158 500133 50013 500131 7000113 7000114 53003 530035 530032
            65001 50105 90055 50196 50033 90033 90024 90006 90090 100007"""
        errors = {"invalid_request", "invalid_grant", "unauthorized_client", "invalid_client", "unsupported_grant_type",
                  "invalid_resource", "invalid_scope", "interaction_required", "temporarily_unavailable", "invalid_instance"}
        for number in map(int, numbers.split()):
            self.fault("aadsts", value=number)
            answer = self.secret()
            self.refused(answer, number)
            self.assertIn(answer.json["error"], errors)
            self.assertNotIn("fault. ", answer.json["error_description"], number)
            self.assertEqual("claims" in answer.json, answer.json["error"] == "interaction_required")
            self.assertIn(answer.status, {"temporarily_unavailable": (429, 503), "invalid_client": (401,)}.get(answer.json["error"], (400,)))
        self.fault("aadsts", value=999999)
        self.refused(self.secret(), 999999, 400, "invalid_request")

    def test_case_34_codes_and_description_differ(self):
        self.fault("aadsts-mismatch")
        said = self.secret().json
        self.assertEqual((said["error_codes"], said["error_description"][:12]), ([70025], "AADSTS700025"))
        self.fault("aadsts-text", value=70021)
        self.assertNotIn("error_codes", self.secret().json)

    def test_case_35_control_bytes(self):
        self.fault("control-bytes")
        self.assertIn("\x1b", self.secret().json["error_description"])

    def test_case_51_to_53_retry_after(self):
        for kind, value, expected in (("throttled", 2, "2"), ("throttled", 99999999, "99999999"),
                                      ("retry-after-garbage", -1, "in a while"), ("retry-after-negative", 5, "-5")):
            self.fault(kind, value=value)
            answer = self.secret()
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, expected))
        for kind, sign in (("throttled-date", 1), ("throttled-past", -1)):
            self.fault(kind, value=120)
            when = email.utils.parsedate_to_datetime(self.secret().headers["Retry-After"]).timestamp()
            self.assertLessEqual(abs(when - time.time() - sign * 120), 5)
        self.fault("throttled-ms", value=1500)
        self.assertEqual(self.secret().headers["x-ms-retry-after-ms"], "1500")
        self.fault("throttled-bare")
        self.assertIsNone(self.secret().headers["Retry-After"])
        self.fault("unavailable", value=3)
        answer = self.secret()
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "3"))

    def test_case_96_skewed_date(self):
        for kind, sign in (("skewed-date", 1), ("date-behind", -1)):
            self.fault(kind, value=900)
            answer = self.secret()
            self.assertEqual(len(answer.headers.get_all("Date")), 1)
            when = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
            self.assertLessEqual(abs(when - time.time() - sign * 900), 5)
            self.assertEqual(answer.status, 200)

    def test_case_26_to_36_answers(self):
        cases = {"expires-absent": lambda said: "expires_in" not in said, "expires-negative": lambda said: said["expires_in"] == -3600,
                 "expires-infinite": lambda said: said["expires_in"] == 1e300,
                 "expires-far": lambda said: said["expires_in"] == 400000000,
                 "expires-garbage": lambda said: said["expires_in"] == "soon",
                 "no-access-token": lambda said: "access_token" not in said,
                 "empty-access-token": lambda said: said["access_token"] == "",
                 "access-token-crlf": lambda said: "\r\n" in said["access_token"],
                 "token-type-mac": lambda said: said["token_type"] == "mac",
                 "token-type-lowercase": lambda said: said["token_type"] == "bearer",
                 "token-type-uppercase": lambda said: said["token_type"] == "BEARER",
                 "token-type-absent": lambda said: "token_type" not in said,
                 "ok-with-error": lambda said: said["error"] == "invalid_grant" and "access_token" in said}
        for kind, check in cases.items():
            with self.subTest(kind=kind):
                self.fault(kind)
                answer = self.secret()
                self.assertEqual(answer.status, 200)
                self.assertTrue(check(answer.json), answer.body)
        self.fault("duplicate-key")
        self.assertEqual(self.secret().body.count('"access_token"'), 2)

    def test_case_30_to_32_bodies(self):
        self.fault("huge", value=2 << 20)
        self.assertEqual(len(self.secret().body), 2 << 20)
        for kind in ("truncated", "truncated-chunked"):
            self.fault(kind)
            with self.assertRaises(token_shapes.http.client.IncompleteRead):
                self.secret()
        self.fault("status-html", value=502)
        answer = self.secret()
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (502, "text/html"))
        self.fault("status-plain", value=429)
        answer = self.secret()
        self.assertEqual((answer.status, answer.body), (429, "Too Many Requests"))
        self.fault("status-empty", value=504)
        answer = self.secret()
        self.assertEqual((answer.status, answer.body), (504, ""))
        self.fault("status", value=503, count=2)
        self.assertEqual([self.secret().status for _ in range(3)], [503, 503, 200])
        told = [(record["status"], record.get("fault")) for record in json.loads(self.issuer.call("/requests"))[-3:]]
        self.assertEqual(told, [(503, "status"), (503, "status"), (200, None)])
        for kind in ("garbage", "html", "content-type", "deep"):
            self.fault(kind)
            self.assertEqual(self.secret_bytes(), 200)

    def secret_bytes(self):
        """The status alone: the body is no text."""
        form = urllib.parse.urlencode({"client_id": APP, "scope": f"{API}/.default", "grant_type": "client_credentials",
                                       "client_secret": SECRET})
        connection = token_shapes.http.client.HTTPConnection(self.issuer.base.split("://")[1], timeout=60)
        connection.request("POST", PATH, form, {"Content-Type": FORM})
        status = connection.getresponse().status
        connection.close()
        return status

    def test_case_14_redirect(self):
        for status in (302, 307):
            self.fault("redirect", value=status)
            answer = self.secret()
            self.assertEqual((answer.status, answer.headers["Location"]),
                             (status, f"{self.issuer.url}/redirected/token"))
        self.assertEqual(self.post(answer.headers["Location"][len(self.issuer.base):], {}).status, 200)
        self.assertEqual(json.loads(self.issuer.call("/stats"))["redirected"], 1)

    def test_slow_drip_and_reset(self):
        self.fault("slow", value=300)
        started = time.monotonic()
        self.assertEqual(self.secret().status, 200)
        self.assertGreaterEqual(time.monotonic() - started, 0.3)
        self.fault("drip", value=0)
        self.assertEqual(self.secret().status, 200)
        self.fault("reset")
        with self.assertRaises((ConnectionError, token_shapes.http.client.HTTPException)):
            self.secret()

    def test_faults_have_their_targets(self):
        for body in ({"target": "token", "kind": "missing-key"}, {"target": "jwks", "kind": "aadsts"},
                     {"target": "imds", "kind": "aadsts"}, {"target": "oidc-request", "kind": "token-type-mac"}):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.issuer.call("/fault", body)
            caught.exception.close()
        self.issuer.call("/fault", {"kind": "aadsts", "value": 70021})
        self.refused(self.secret(), 70021)
        self.issuer.call(f"/{TENANT}/v2.0/.well-known/openid-configuration")
        index = self.issuer.call("/")
        for said in ("aadsts", "/{tenant}/oauth2/v2.0/token", "/apps", "/requests", "/rotate-tls", "oidc-request"):
            self.assertIn(said, index)

    def test_stats(self):
        self.secret()
        self.secret(client_secret="wrong")
        stats = json.loads(self.issuer.call("/stats"))
        self.assertEqual((stats["token"], stats["rejected"], stats["proxy"]), (2, 1, 0))
        self.assertEqual([record["status"] for record in json.loads(self.issuer.call("/requests"))], [200, 401])

    def test_instance_discovery(self):
        asked = urllib.parse.quote(f"{self.issuer.base}/{TENANT}/oauth2/v2.0/authorize", safe="")
        path = "/common/discovery/instance?api-version=1.1&authorization_endpoint="
        said = json.loads(self.issuer.call(path + asked))
        self.assertEqual(said["tenant_discovery_endpoint"], f"{self.issuer.base}/{TENANT}/v2.0/.well-known/openid-configuration")
        self.assertEqual(self.send("GET", path + "https%3A%2F%2Felsewhere.example%2Fx").json["error"], "invalid_instance")


class Proxy(TokenTests):
    options = ("--entra", "--proxy-path", "/p", "--tls-name", "proxy.test")
    tls = True
    path = f"/p{PATH}"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The certificate is for the proxy's name alone; this harness goes to the address.
        cls.issuer.context.check_hostname = False
        cls.cluster = cls.another("--kubernetes", "--audience", "api://AKSIdentityBinding")
        federated = [{"issuer": cls.cluster.url, "subject": SUBJECT, "audience": audience}
                     for audience in ("api://AKSIdentityBinding", EXCHANGE_AUDIENCE)]
        identity = {"principal_id": OTHER, "resource_id": "/ids/a"}
        cls.issuer.call("/apps", {"client_id": APP, "federated": federated, "identity_binding": True, "managed_identity": identity})
        cls.issuer.call("/apps", {"client_id": API, "federated": federated, "managed_identity": identity})

    def exchange(self, token, client_id=APP, path=None):
        return self.post(path or self.path, {"client_id": client_id, "scope": "https://vault.azure.net/.default",
                                             "grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE,
                                             "client_assertion": token})

    def test_exchange(self):
        answer = self.exchange(self.cluster.call("/mint", {}))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(decode(answer.json["access_token"])[1]["oid"], OTHER)
        stats = json.loads(self.issuer.call("/stats"))
        self.assertEqual((stats["proxy"], stats["token"]), (1, 0))

    def test_case_79_forbidden(self):
        answer = self.exchange(self.cluster.call("/mint", {}), client_id=API)
        self.assertEqual((answer.status, answer.json["kind"], answer.json["reason"], answer.json["code"]),
                         (403, "Status", "Forbidden", 403))
        self.assertIn("use-managed-identity", answer.json["message"])

    def test_unauthorized(self):
        for token in (self.cluster.call("/mint", {"claims": {"aud": [EXCHANGE_AUDIENCE]}}), "a.b.c",
                      *(self.cluster.call("/mint", {"forge": forge}) for forge in ("signature", "expired", "wrong-key"))):
            answer = self.exchange(token)
            self.assertEqual((answer.status, answer.json["reason"]), (401, "Unauthorized"))

    def test_without_the_proxy_entra_answers(self):
        answer = self.exchange(self.cluster.call("/mint", {}), path=PATH)
        self.assertEqual(answer.code, 700212)
        token = self.cluster.call("/mint", {"claims": {"aud": [EXCHANGE_AUDIENCE]}})
        self.assertEqual(self.exchange(token, path=PATH).status, 200)

    def test_discovery_through_the_proxy(self):
        document = json.loads(self.issuer.call(f"/p/{TENANT}/v2.0/.well-known/openid-configuration"))
        self.assertEqual(document["issuer"], self.issuer.url)

    def handshake(self, ca, name):
        context = ssl.create_default_context(cadata=ca)
        host, port = self.issuer.base.split("://")[1].split(":")
        with socket.create_connection((host, int(port)), timeout=60) as plain, \
                context.wrap_socket(plain, server_hostname=name) as secure:
            secure.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.path.encode())
            return secure.recv(16)

    def test_case_77_and_78_name_and_rotation(self):
        with open(self.issuer.ca, encoding="ascii") as file:
            first = file.read()
        self.assertTrue(self.handshake(first, "proxy.test").startswith(b"HTTP/1.1 400"))
        self.assertIn(self.last_request().get("sni"), ("proxy.test", None))
        for name in ("localhost", "127.0.0.1", "other.test"):
            with self.assertRaises(ssl.SSLCertVerificationError):
                self.handshake(first, name)
        second = json.loads(self.issuer.call("/rotate-tls", {}))["ca_pem"]
        self.issuer.context.load_verify_locations(cadata=second)
        self.assertNotEqual(first, second)
        self.assertTrue(self.handshake(second, "proxy.test").startswith(b"HTTP/1.1 400"))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.handshake(first, "proxy.test")
        third = json.loads(self.issuer.call("/rotate-tls", {"name": "third.test"}))["ca_pem"]
        self.issuer.context.load_verify_locations(cadata=third)
        self.assertTrue(self.handshake(third, "third.test").startswith(b"HTTP/1.1 400"))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.handshake(third, "proxy.test")


class ProxyAtTheRoot(Proxy):
    options = ("--entra", "--proxy-path", "/", "--tls-name", "proxy.test")
    path = PATH
    test_without_the_proxy_entra_answers = None
    test_discovery_through_the_proxy = None


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
