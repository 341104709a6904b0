#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The development issuer's generic token endpoint, token exchange and Google's, over plain HTTP on loopback:
run_issuer_oauth_tests.py COMMAND [TEST…]"""

import base64
import json
import sys
import time
import unittest
import urllib.error
import urllib.parse

from token_shapes import ASSERTION_TYPE, FORM, SECRET, SUBJECT, Certificate, TokenTests, decode, sha256

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
ACCOUNT = "/v1/projects/-/serviceAccounts/orders@project.iam.gserviceaccount.com:generateAccessToken"


class OAuth(TokenTests):
    options = ("--path", "/realm")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = "/realm/token"
        cls.cluster = cls.another("--kubernetes", "--audience", "exchange")
        cls.rsa = Certificate(cls.folder.name, "rsa")
        cls.ec = Certificate(cls.folder.name, "ec", "ec")
        federated = {"issuer": cls.cluster.url, "audience": "exchange"}
        for app in ({"client_id": "web app", "secret": SECRET, "scopes": ["read", "write"],
                     "resources": ["https://api.example", "orders"], "federated": federated},
                    {"client_id": "signer", "certificates": [cls.rsa.pem, cls.jwk()], "federated": {**federated, "subject": SUBJECT}},
                    {"client_id": "cli", "public": True, "federated": federated},
                    {"client_id": "off", "secret": "x", "disabled": True},
                    {"client_id": POOL, "federated": {**federated, "subject": SUBJECT}}):
            cls.issuer.call("/apps", app)

    @classmethod
    def jwk(cls):
        """The EC key as a JWK: the last 64 bytes of its public key are the point."""
        der = token_shapes_output(["openssl", "ec", "-in", cls.ec.key, "-pubout", "-outform", "DER"])
        x, y = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (der[-64:-32], der[-32:]))
        return {"kty": "EC", "crv": "P-256", "kid": "ec-1", "x": x, "y": y}

    def token(self, headers=None, path=None, **form):
        return self.post(path or self.path, {"grant_type": "client_credentials", **form}, headers)

    def basic(self, name="web app", secret=SECRET, encoded=True):
        parts = [urllib.parse.quote_plus(part) if encoded else part for part in (name, secret)]
        return [("Authorization", "Basic " + base64.b64encode(":".join(parts).encode()).decode())]

    def refused(self, answer, error, status=400):
        self.assertEqual((answer.status, answer.json["error"]), (status, error), answer.body)
        self.assertTrue(answer.json["error_description"])

    # --- client credentials ---

    def test_case_12_basic(self):
        answer = self.token(self.basic(), scope="read", audience="orders")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual((answer.json["token_type"], answer.json["expires_in"], answer.json["scope"]), ("Bearer", 3600, "read"))
        header, claims = decode(answer.json["access_token"])
        self.assertEqual((header["typ"], claims["iss"], claims["sub"], claims["client_id"], claims["aud"], claims["scope"]),
                         ("at+jwt", self.issuer.url, "web app", "web app", "orders", "read"))
        record = self.last_request()["authorization"]
        self.assertEqual((record["client_id"], record["secret_sha256"]), ("web app", sha256(SECRET)))
        wrong = self.token(self.basic(encoded=False))
        self.refused(wrong, "invalid_client", 401)
        self.assertTrue(wrong.headers["WWW-Authenticate"].startswith("Basic"))
        self.refused(self.token([("Authorization", "Bearer x")]), "invalid_client", 401)

    def test_post(self):
        self.assertEqual(self.token(client_id="web app", client_secret=SECRET).status, 200)
        self.assertEqual(self.token(path="/token", client_id="web app", client_secret=SECRET).status, 200)
        for form, error, status in (({"client_id": "web app", "client_secret": "no"}, "invalid_client", 401),
                                    ({"client_id": "nobody", "client_secret": "x"}, "invalid_client", 401),
                                    ({"client_id": "web app"}, "invalid_client", 401), ({}, "invalid_client", 401),
                                    ({"client_id": "cli"}, "unauthorized_client", 400),
                                    ({"client_id": "off", "client_secret": "x"}, "unauthorized_client", 400),
                                    ({"grant_type": "password"}, "unsupported_grant_type", 400),
                                    ({"grant_type": ""}, "invalid_request", 400),
                                    ({"client_id": "web app", "client_secret": SECRET, "scope": "admin"}, "invalid_scope", 400),
                                    ({"client_id": "web app", "client_secret": SECRET, "audience": "x"}, "invalid_target", 400),
                                    ({"client_id": "web app", "client_secret": SECRET, "resource": "orders"}, "invalid_target", 400),
                                    ({"client_secret": SECRET, "client_assertion": "x", "client_assertion_type": ASSERTION_TYPE},
                                     "invalid_request", 400)):
            with self.subTest(form=form):
                self.refused(self.token(**form), error, status)
        self.refused(self.token(self.basic(), client_secret=SECRET), "invalid_request")
        self.refused(self.post(self.path, "grant_type=client_credentials&scope=a&scope=b"), "invalid_request")
        self.refused(self.send("POST", self.path, "{}", [("Content-Type", "application/json")]), "invalid_request")
        self.refused(self.send("GET", self.path), "invalid_request", 405)
        several = [("grant_type", "client_credentials"), ("client_id", "web app"), ("client_secret", SECRET),
                   ("audience", "orders"), ("resource", "https://api.example")]
        said = self.post(self.path, several).json
        self.assertEqual(decode(said["access_token"])[1]["aud"], ["orders", "https://api.example"])

    def signed(self, key=None, audience=None, algorithm="RS256", client_id="signer", **claims):
        key = key or self.rsa
        header = {"x5t#S256": None, "kid": "ec-1"} if key is self.ec else None
        if key is self.ec:
            text = key.assertion(client_id, audience or self.issuer.url, algorithm, header, **claims)
            first, signature = text.rsplit(".", 1)
            return f"{first}.{raw_signature(signature)}"
        return key.assertion(client_id, audience or self.issuer.url, algorithm, header, **claims)

    def prove(self, assertion, **form):
        return self.token(client_assertion_type=ASSERTION_TYPE, client_assertion=assertion, **form)

    def test_private_key_jwt(self):
        for assertion in (self.signed(), self.signed(algorithm="PS256"), self.signed(audience=f"{self.issuer.url}/token"),
                          self.signed(self.ec, algorithm="ES256")):
            answer = self.prove(assertion)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(decode(answer.json["access_token"])[1]["sub"], "signer")
        now = int(time.time())
        for assertion in (self.signed(audience="https://elsewhere.example"), self.signed(exp=now - 10), self.signed(nbf=now + 900),
                          self.signed(sub="web app"), self.signed(iss="web app"), "a.b.c", self.signed()[:-4] + "AAAA"):
            self.refused(self.prove(assertion), "invalid_client", 401)
        self.refused(self.token(client_assertion=self.signed()), "invalid_request")
        self.refused(self.token(client_assertion=self.signed(), client_assertion_type="x"), "invalid_request")

    def test_federated_client(self):
        self.assertEqual(self.prove(self.cluster.call("/mint", {}), client_id="signer").status, 200)
        for members in ({"forge": "signature"}, {"forge": "expired"}, {"name": "other"}):
            self.refused(self.prove(self.cluster.call("/mint", members), client_id="signer"), "invalid_client", 401)

    def test_settings_and_faults(self):
        self.issuer.call("/settings", {"token_lifetime": 60, "expires_in_form": "string"})
        said = self.token(self.basic()).json
        self.assertEqual(said["expires_in"], "60")
        self.assertLessEqual(decode(said["access_token"])[1]["exp"] - time.time(), 61)
        self.fault("status", value=503)
        self.assertEqual(self.token(self.basic()).status, 503)
        self.fault("token-type-mac")
        self.assertEqual(self.token(self.basic()).json["token_type"], "mac")
        self.assertEqual(json.loads(self.issuer.call("/stats"))["oauth"], 3)

    # --- token exchange ---

    def exchange(self, headers=None, token=None, **form):
        body = {"grant_type": EXCHANGE, "subject_token": self.cluster.call("/mint", {}) if token is None else token,
                "subject_token_type": TYPE + "jwt", **form}
        return self.post(self.path, {name: value for name, value in body.items() if value is not None},
                         self.basic() if headers is None else headers)

    def test_case_90_exchange(self):
        answer = self.exchange(audience="orders", scope="read")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual((answer.json["issued_token_type"], answer.json["token_type"]), (TYPE + "access_token", "Bearer"))
        _, claims = decode(answer.json["access_token"])
        self.assertEqual((claims["sub"], claims["aud"], claims["client_id"], claims["scope"]), (SUBJECT, "orders", "web app", "read"))
        self.assertNotIn("act", claims)
        actor = self.cluster.call("/mint", {"name": "actor"})
        said = self.exchange(actor_token=actor, actor_token_type=TYPE + "jwt").json
        self.assertEqual(decode(said["access_token"])[1]["act"]["sub"], "system:serviceaccount:default:actor")
        said = self.exchange(requested_token_type=TYPE + "jwt").json
        self.assertEqual((said["issued_token_type"], said["token_type"]), (TYPE + "jwt", "N_A"))
        self.assertEqual(self.exchange(headers=[], client_id="cli").status, 200)
        self.fault("no-issued-type")
        self.assertNotIn("issued_token_type", self.exchange().json)

    def test_case_90_refusals(self):
        for form, error in (({"subject_token_type": None}, "invalid_request"), ({"subject_token_type": TYPE + "saml2"}, "invalid_request"),
                            ({"actor_token": "x"}, "invalid_request"), ({"actor_token_type": TYPE + "jwt"}, "invalid_request"),
                            ({"actor_token": "x", "actor_token_type": TYPE + "jwt"}, "invalid_request"),
                            ({"requested_token_type": TYPE + "refresh_token"}, "invalid_request"),
                            ({"audience": "nowhere"}, "invalid_target"), ({"scope": "admin"}, "invalid_scope"),
                            ({"token": ""}, "invalid_request"), ({"token": "a.b.c"}, "invalid_request")):
            with self.subTest(form=form):
                self.refused(self.exchange(**form), error)
        for members in ({"forge": "signature"}, {"forge": "expired"}, {"forge": "audience"}, {"forge": "issuer"}):
            self.refused(self.exchange(token=self.cluster.call("/mint", members)), "invalid_request")
        self.refused(self.exchange(headers=[]), "invalid_client", 401)

    # --- Google ---

    def google(self, headers=None, **form):
        body = {"grant_type": EXCHANGE, "audience": POOL, "scope": "https://www.googleapis.com/auth/cloud-platform",
                "requested_token_type": TYPE + "access_token", "subject_token_type": TYPE + "jwt",
                "subject_token": self.cluster.call("/mint", {}), **form}
        return self.post("/v1/token", body, headers)

    def test_case_89_google(self):
        answer = self.google()
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(sorted(answer.json), ["access_token", "expires_in", "issued_token_type", "token_type"])
        self.issuer.call("/settings", {"expires_in_form": "absent"})
        self.assertNotIn("expires_in", self.google().json)
        self.refused(self.google(self.basic()), "invalid_request")
        self.refused(self.google(audience="//iam.googleapis.com/other"), "invalid_target")
        self.refused(self.google(subject_token=self.cluster.call("/mint", {"forge": "expired"})), "invalid_grant")
        self.refused(self.google(subject_token_type=TYPE + "saml2"), "invalid_request")
        self.refused(self.google(grant_type="client_credentials"), "unsupported_grant_type")

    def test_case_89_impersonation(self):
        token = self.google().json["access_token"]
        body = json.dumps({"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "600s"})
        headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {token}")]
        answer = self.send("POST", ACCOUNT, body, headers)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(decode(answer.json["accessToken"])[1]["sub"], "orders@project.iam.gserviceaccount.com")
        self.assertRegex(answer.json["expireTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(self.send("POST", ACCOUNT, body, headers[:1]).json["error"]["status"], "UNAUTHENTICATED")
        self.assertEqual(self.send("POST", ACCOUNT, "{}", headers).json["error"]["code"], 400)
        self.assertEqual(self.send("POST", ACCOUNT.replace("generateAccessToken", "other"), body, headers).status, 404)

    def test_no_entra_here(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.issuer.call("/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token", {})
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()
        self.assertEqual(self.send("POST", "/v1/token", "", [("Content-Type", FORM)], self.cluster).status, 404)


def token_shapes_output(command):
    import subprocess
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def raw_signature(text):
    """RFC 7518, section 3.4, of an ECDSA signature in DER."""
    der = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    at, numbers = 2, []
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big").to_bytes(32, "big"))
        at += 2 + length
    return base64.urlsafe_b64encode(b"".join(numbers)).rstrip(b"=").decode()


if __name__ == "__main__":
    TokenTests.command = sys.argv.pop(1)
    unittest.main(verbosity=2)
