#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shapes of the development issuer, Entra ID, Kubernetes and CI, over TLS on loopback: run_issuer_shapes_tests.py COMMAND [TEST…]"""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from dev_issuer import SECONDS, Issuer  # noqa: E402

COMMAND = ""
DATA = pathlib.Path(os.environ.get("ASSAY_TEST_DATA") or "../shared/data") / "metadata"
AUDIENCE = "11111111-2222-3333-4444-555555555555"
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
OTHER = "bbbbcccc-1111-dddd-2222-eeee3333ffff"
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
CLIENT = "00001111-aaaa-2222-bbbb-3333cccc4444"
FRAME = "aud iss iat nbf exp aio oid rh sub tid uti ver".split()
CALLER = {1: ["appid", "appidacr"], 2: ["azp", "azpacr"]}
PERSON = {1: "name given_name family_name unique_name upn ipaddr amr".split(), 2: ["name", "preferred_username"]}
USER = {version: [*FRAME, *CALLER[version], *PERSON[version], "scp", *(["acr"] if version == 1 else [])] for version in (1, 2)}
APPLICATION = {version: [*FRAME, *CALLER[version], "idtyp", *(["idp"] if version == 1 else [])] for version in (1, 2)}
ID_TOKEN = {version: [*FRAME, *PERSON[version]] for version in (1, 2)}
KINDS = {  # kind: claims by version, claims beside them, claims of these that it has not
    "user": (USER, [], []),
    "user-roles": (USER, ["roles"], []),
    "daemon": (APPLICATION, ["roles"], []),
    "daemon-no-idtyp": (APPLICATION, ["roles"], ["idtyp"]),
    "daemon-no-roles": (APPLICATION, [], []),
    "managed-identity": (APPLICATION, ["xms_mirid"], []),
    "guest": (USER, ["acct", "idp", "email"], []),
    "id-token": (ID_TOKEN, ["nonce"], []),
    "id-token-roles": (ID_TOKEN, ["roles"], []),
    "overage": (USER, ["_claim_names", "_claim_sources"], []),
    "graph": (USER, [], []),
    "bound": (APPLICATION, ["roles", "cnf"], []),
    "agent": (APPLICATION, "xms_act_fct xms_sub_fct xms_tnt_fct xms_idrel xms_par_app_azp".split(), []),
}


def run(*arguments, stdin=""):
    return subprocess.run([COMMAND, *arguments], input=stdin.encode(), capture_output=True, timeout=SECONDS)


def decode(token):
    """Header and payload, as `assay inspect` prints them."""
    done = run("inspect", "--json", stdin=token)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    return document["header"], document["payload"]


def fixture(name):
    path = DATA / name
    return json.loads(path.read_text()) if path.exists() else None


class Shapes(unittest.TestCase):
    maxDiff = None
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.issuer = Issuer(COMMAND, cls.folder.name, "--audience", AUDIENCE, *cls.options)

    @classmethod
    def tearDownClass(cls):
        status = cls.issuer.stop()
        cls.folder.cleanup()
        assert status == 0, f"the issuer ended with {status}"

    def get(self, path):
        return json.loads(self.issuer.call(path))

    def mint(self, **members):
        return self.issuer.call("/mint", members)

    def token(self, **members):
        return decode(self.mint(**members))

    def fails(self, status, path, body=None):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.issuer.call(path, body)
        self.assertEqual(caught.exception.code, status)
        said = caught.exception.read().decode()
        caught.exception.close()
        return said

    def verify(self, url, audience, token, profile="generic"):
        done = run("verify", "--json", "--issuer", url, "--audience", audience, "--ca-file", self.issuer.ca, "--profile", profile,
                   stdin=token)
        return json.loads(done.stdout)["code"]

    def is_signed(self, token, keys):
        """By a key of this set."""
        path = pathlib.Path(self.folder.name) / "keys.json"
        path.write_text(json.dumps(keys))
        return run("jws", "--jwks", str(path), "--algorithm", "RS256", stdin=token).returncode == 0

    def refused_options(self, said, *options):
        done = run("issuer", "--port", "0", *options)
        self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
        self.assertIn(said, done.stderr.decode())


class Entra(Shapes):
    options = ("--entra",)

    def metadata(self, tenant, version=2, query=""):
        return self.get(f"/{tenant}{'/v2.0' if version == 2 else ''}/.well-known/openid-configuration{query}")

    def keys(self, tenant, version=2, query=""):
        return self.get(f"/{tenant}/discovery/{'v2.0/' if version == 2 else ''}keys{query}")

    def forms(self, tenant):
        return {1: f"{self.issuer.base}/sts/{tenant}/", 2: f"{self.issuer.base}/{tenant}/v2.0"}

    # --- documents ---

    def test_url_is_the_default_tenant(self):
        self.assertEqual(self.issuer.url, self.forms(TENANT)[2])

    def test_metadata_names_the_issuer(self):
        for tenant, named in ((TENANT, TENANT), (OTHER, OTHER), ("organizations", "{tenantid}"), ("common", "{tenantid}"),
                              ("consumers", CONSUMERS), (CONSUMERS, CONSUMERS)):
            for version in (1, 2):
                document = self.metadata(tenant, version)
                self.assertEqual(document["issuer"], self.forms(named)[version])
                middle = "v2.0/" if version == 2 else ""
                self.assertEqual(document["jwks_uri"], f"{self.issuer.base}/{tenant}/discovery/{middle}keys")
                self.assertEqual(document["cloud_instance_name"], "microsoftonline.com")
                self.assertEqual(document["tenant_region_scope"], None if "{" in document["issuer"] else "NA")
                self.assertEqual(document["id_token_signing_alg_values_supported"], ["RS256"])
        self.assertEqual(self.get(f"/sts/{OTHER}/.well-known/openid-configuration"), self.metadata(OTHER, 1))

    def test_metadata_has_the_members_of_real_ones(self):
        for name, document in (("entra-organizations-v2.openid-configuration.2024-10-19.json", self.metadata("organizations")),
                               ("entra-common-v1.openid-configuration.json", self.metadata("common", 1))):
            real = fixture(name)
            if real is None:
                self.skipTest("no test data")
            self.assertEqual(set(document), set(real))
            for member, value in real.items():
                self.assertIs(type(document[member]), type(value), member)
                if isinstance(value, str) and "login.microsoftonline.com" in value:
                    self.assertEqual(document[member], value.replace("https://login.microsoftonline.com", self.issuer.base))
                elif member != "issuer":
                    self.assertEqual(document[member], value)

    def test_app_id_goes_into_jwks_uri(self):
        for version in (1, 2):
            plain = self.metadata(TENANT, version)["jwks_uri"]
            self.assertEqual(self.metadata(TENANT, version, f"?appid={CLIENT}")["jwks_uri"], f"{plain}?appid={CLIENT}")
            self.assertEqual(self.metadata(TENANT, version, "?appid=x%22y")["jwks_uri"], plain)

    def test_unknown_paths(self):
        for path in (f"/{TENANT.upper()}/v2.0/.well-known/openid-configuration", "/contoso/v2.0/.well-known/openid-configuration",
                     f"/{TENANT}0/discovery/keys", f"/{TENANT}/v2.0/.well-known/openid-configuration/", "//discovery/keys",
                     f"/sts/{TENANT}/discovery/keys", f"/sts/{TENANT}/v2.0/.well-known/openid-configuration",
                     f"/{TENANT}/a.b/discovery/v2.0/keys", f"/{TENANT}/policy/discovery/keys", f"/{TENANT}/{'p' * 99}/discovery/v2.0/keys",
                     "/common/policy/discovery/v2.0/keys", "/.well-known/openid-configuration"):
            with self.subTest(path):
                self.fails(404, path)

    def test_keys(self):
        template, consumer = self.forms("{tenantid}")[2], self.forms(CONSUMERS)[2]
        com, us = "microsoftonline.com", "microsoftonline.us"
        for tenant in (TENANT, "organizations", "common", "consumers", CONSUMERS):
            keys = self.keys(tenant)["keys"]
            wanted = [(template, com), (template, us)]
            if tenant in ("common", "consumers", CONSUMERS):
                wanted.append((consumer, com))
            self.assertCountEqual([(key["issuer"], key["cloud_instance_name"]) for key in keys], wanted)
            self.assertEqual((keys[0]["issuer"], keys[0]["cloud_instance_name"]), wanted[0])
            for key in keys:
                self.assertEqual(set(key), set("kty use kid x5t n e x5c cloud_instance_name issuer".split()))
                der = base64.b64decode(key["x5c"][0], validate=True)
                thumbprint = base64.urlsafe_b64encode(hashlib.sha1(der).digest()).rstrip(b"=").decode()
                self.assertEqual((key["kid"], key["x5t"], key["use"], key["kty"]), (thumbprint, thumbprint, "sig", "RSA"))
            old = self.keys(tenant, 1)["keys"]
            self.assertEqual([key["kid"] for key in old], [key["kid"] for key in keys])
            for key in old:
                self.assertEqual(set(key), set("kty use kid x5t n e x5c".split()))

    def test_custom_key_where_it_is_asked_for(self):
        usual = {key["kid"] for key in self.keys(TENANT)["keys"]}
        for version in (1, 2):
            asked = {key["kid"] for key in self.keys(TENANT, version, f"?appid={CLIENT}")["keys"]}
            self.assertEqual(len(asked - usual), 1)
            self.assertLess(usual, asked)
            self.assertEqual({key["kid"] for key in self.keys(TENANT, version, "?appid=contoso")["keys"]}, usual)
        self.assertEqual(self.token(forge="custom-key")[0]["kid"], (asked - usual).pop())

    def test_b2c(self):
        under = f"{self.issuer.base}/{TENANT}/b2c_1_signin"
        document = self.get(f"/{TENANT}/b2c_1_signin/v2.0/.well-known/openid-configuration")
        self.assertEqual(document["issuer"], f"{self.issuer.base}/{TENANT}/v2.0/")
        self.assertEqual(document["jwks_uri"], f"{under}/discovery/v2.0/keys")
        self.assertEqual(document["token_endpoint"], f"{under}/oauth2/v2.0/token")
        self.assertNotIn("cloud_instance_name", document)
        keys = self.get(f"/{TENANT}/b2c_1_signin/discovery/v2.0/keys")["keys"]
        self.assertEqual([set(key) for key in keys], [set("kid use kty e n".split())])
        self.assertNotIn(keys[0]["kid"], {key["kid"] for key in self.keys("common", 2, f"?appid={CLIENT}")["keys"]})

    def test_requests_count_and_faults_befall(self):
        before = self.issuer.stats()
        self.issuer.call("/fault", {"target": "jwks", "kind": "status", "value": 503, "count": 1})
        self.fails(503, "/common/discovery/keys")
        self.metadata("common")
        self.keys("common")
        after = self.issuer.stats()
        self.assertEqual((after["metadata"] - before["metadata"], after["jwks"] - before["jwks"]), (1, 2))
        self.issuer.call("/fault", {"target": "jwks", "kind": "missing-key", "count": 1})
        newest = self.keys("common")["keys"]
        self.assertNotIn(self.token()[0]["kid"], {key["kid"] for key in newest})

    def test_rotation_is_of_the_own_keys(self):
        before = self.keys("common")["keys"]
        answer = json.loads(self.issuer.call("/rotate", {"drop_old": True}))
        try:
            after = self.keys("common")["keys"]
            self.assertEqual(answer["served"], [answer["kid"]])
            self.assertEqual([key["kid"] for key in after], [answer["kid"], *[key["kid"] for key in before[1:]]])
            self.assertEqual(self.token()[0]["kid"], answer["kid"])
            self.assertEqual(set(after[0]), set(before[0]))
        finally:
            self.issuer.call("/rotate", {"serve": answer["keys"]})

    # --- tokens ---

    def test_each_kind_has_its_claims(self):
        for kind, (frame, more, fewer) in KINDS.items():
            for version in (1, 2):
                with self.subTest(f"{kind} {version}"):
                    token = self.mint(entra=kind, version=version)
                    header, claims = decode(token)
                    self.assertEqual(set(claims), (set(frame[version]) | set(more)) - set(fewer))
                    self.assertEqual(claims["iss"], self.forms(TENANT)[version])
                    self.assertEqual((claims["tid"], claims["ver"]), (TENANT, f"{version}.0"))
                    self.assertEqual(header["alg"], "RS256")
                    self.assertEqual(header["typ"], "JWT")
                    self.assertEqual(header.get("x5t"), header["kid"] if version == 1 else None)
                    self.assertEqual(self.is_signed(token, self.keys(TENANT)), kind != "graph")
                    table = run("inspect", stdin=token).stdout.decode()
                    for claim in claims:
                        self.assertIn(claim, table)

    def test_audience(self):
        audience = {1: f"api://{AUDIENCE}", 2: AUDIENCE}
        for version in (1, 2):
            for kind in ("user", "daemon", "managed-identity", "bound", "agent"):
                self.assertEqual(self.token(entra=kind, version=version)[1]["aud"], audience[version])
            self.assertEqual(self.token(entra="id-token", version=version)[1]["aud"], AUDIENCE)
            claims = self.token(entra="id-token-roles", version=version, client_id=CLIENT)[1]
            self.assertEqual(claims["aud"], CLIENT)
            self.assertFalse({"nonce", "at_hash", "scp", "azp", "appid"} & set(claims))
            self.assertEqual(self.token(entra="graph", version=version)[1]["aud"], "00000003-0000-0000-c000-000000000000")

    def test_callers(self):
        user = self.token()[1]
        self.assertEqual((user["scp"], user["azp"], user["azpacr"]), ("Orders.Read", CLIENT, "0"))
        self.assertNotEqual(user["sub"], user["oid"])
        for kind, proof in (("daemon", "1"), ("daemon-no-idtyp", "1"), ("daemon-no-roles", "1"), ("managed-identity", "2")):
            for version in (1, 2):
                claims = self.token(entra=kind, version=version)[1]
                self.assertEqual(claims["sub"], claims["oid"])
                self.assertEqual(claims[CALLER[version][1]], proof)
                self.assertEqual(claims.get("idtyp"), None if kind == "daemon-no-idtyp" else "app")
                self.assertEqual(claims["exp"] - claims["iat"], 86700 if kind == "managed-identity" else 3900)
        agent = self.token(entra="agent")[1]
        self.assertEqual((agent["xms_act_fct"], agent["azpacr"], agent["idtyp"]), ("3 9 11", "2", "app"))

    def test_guest_and_overage(self):
        for version in (1, 2):
            claims = self.token(entra="guest", version=version)[1]
            self.assertEqual((claims["acct"], claims["idp"]), (1, self.forms(OTHER)[1]))
            claims = self.token(entra="guest", version=version, tenant=OTHER)[1]
            self.assertEqual((claims["tid"], claims["idp"]), (OTHER, self.forms(TENANT)[1]))
        claims = self.token(entra="overage")[1]
        self.assertEqual(claims["_claim_names"], {"groups": "src1"})
        self.assertTrue(claims["_claim_sources"]["src1"]["endpoint"].startswith(f"{self.issuer.base}/{TENANT}/users/"))

    def test_graph_token_is_signed_over_the_hash_of_its_nonce(self):
        token = self.mint(entra="graph")
        header, _ = decode(token)
        header["nonce"] = base64.urlsafe_b64encode(hashlib.sha256(header["nonce"].encode()).digest()).rstrip(b"=").decode()
        sent, payload, signature = token.split(".")
        padded = base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4)).decode()
        hashed = padded.replace(decode(token)[0]["nonce"], header["nonce"])
        rewritten = base64.urlsafe_b64encode(hashed.encode()).rstrip(b"=").decode()
        self.assertTrue(self.is_signed(f"{rewritten}.{payload}.{signature}", self.keys(TENANT)))

    def test_members_of_the_request(self):
        thumbprint = "buc7x2HxS_hPnVJb9J5mwPr6jCw8Y_2LHDz-gp_-6KM"
        claims = self.token(entra="bound", tenant=OTHER, client_id="c", object_id="o", x5t_s256=thumbprint)[1]
        self.assertEqual((claims["tid"], claims["azp"], claims["oid"], claims["sub"]), (OTHER, "c", "o", "o"))
        self.assertEqual(claims["iss"], self.forms(OTHER)[2])
        self.assertEqual(claims["cnf"], {"x5t#S256": thumbprint})
        self.assertEqual(len(self.token(entra="bound")[1]["cnf"]["x5t#S256"]), 43)
        header, claims = self.token(entra="user", claims={"scp": None, "roles": ["x"]}, header={"typ": None})
        self.assertNotIn("typ", header)
        self.assertNotIn("scp", claims)
        self.assertEqual(claims["roles"], ["x"])
        header, claims = decode(self.issuer.call(f"/mint?entra=daemon&version=1&tenant={OTHER}&client_id=7&name=n&forge=expired"))
        self.assertEqual((claims["ver"], claims["tid"], claims["appid"], claims["name"]), ("1.0", OTHER, "7", "n"))
        self.assertLess(claims["exp"], time.time())

    def test_bad_members(self):
        for members in ({"entra": "no-such"}, {"entra": 1}, {"version": 3}, {"version": 0}, {"version": "2"}, {"tenant": "contoso"},
                        {"tenant": TENANT.upper()}, {"tenant": "common"}, {"tenant": 1}, {"client_id": 1}, {"object_id": None},
                        {"entra": "consumer", "tenant": TENANT}, {"entra": "consumer", "version": 1}, {"no_such": 1},
                        {"kubernetes": "service-account"}, {"immutable": True}):
            with self.subTest(members):
                self.assertTrue(self.fails(400, "/mint", members))

    def test_b2c_token(self):
        header, claims = self.token(entra="b2c", policy="b2c_1_other")
        self.assertEqual((claims["tfp"], claims["ver"], claims["iss"]), ("b2c_1_other", "1.0", f"{self.issuer.base}/{TENANT}/v2.0/"))
        self.assertEqual(claims["sub"], "Not supported currently. Use oid claim.")
        self.assertFalse({"tid", "uti", "azpacr"} & set(claims))
        keys = self.get(f"/{TENANT}/b2c_1_other/discovery/v2.0/keys")["keys"]
        self.assertEqual((header["kid"], header.get("x5t")), (keys[0]["kid"], None))
        self.assertTrue(self.is_signed(self.mint(entra="b2c"), {"keys": keys}))

    def test_consumer_token(self):
        token = self.mint(entra="consumer")
        header, claims = decode(token)
        self.assertEqual((claims["tid"], claims["iss"]), (CONSUMERS, self.forms(CONSUMERS)[2]))
        self.assertTrue(self.is_signed(token, self.keys("consumers")))
        self.assertFalse(self.is_signed(token, self.keys("organizations")))
        self.assertEqual(header["kid"], self.token(forge="consumer-key")[0]["kid"])

    def test_forgeries(self):
        kid = self.token()[0]["kid"]
        for forgery, owner, cloud in (("consumer-key", CONSUMERS, "microsoftonline.com"), ("gov-key", "{tenantid}", "microsoftonline.us")):
            token = self.mint(forge=forgery)
            header, claims = decode(token)
            self.assertNotEqual(header["kid"], kid)
            self.assertEqual((claims["tid"], claims["iss"]), (TENANT, self.forms(TENANT)[2]))
            keys = self.keys("common")
            self.assertTrue(self.is_signed(token, keys))
            key = next(key for key in keys["keys"] if key["kid"] == header["kid"])
            self.assertEqual((key["issuer"], key["cloud_instance_name"]), (self.forms(owner)[2], cloud))
        for tenant, other in ((TENANT, OTHER), (OTHER, TENANT)):
            claims = self.token(forge="wrong-tenant", tenant=tenant)[1]
            self.assertEqual((claims["iss"], claims["tid"]), (self.forms(tenant)[2], other))
        self.assertFalse(self.is_signed(self.mint(forge="wrong-key", version=1), self.keys(TENANT)))

    def test_verify_by_its_metadata(self):
        for kind in ("user", "user-roles", "daemon", "managed-identity", "agent"):
            self.assertEqual(self.verify(self.issuer.url, AUDIENCE, self.mint(entra=kind)), "ASSAY_OK", kind)
            url = self.forms(OTHER)[1]
            token = self.mint(entra=kind, version=1, tenant=OTHER)
            self.assertEqual(self.verify(url, f"api://{AUDIENCE}", token), "ASSAY_OK", kind)
        self.assertEqual(self.verify(self.issuer.url, AUDIENCE, self.mint(forge="custom-key")), "ASSAY_E_KEY_UNKNOWN")
        self.assertEqual(self.verify(self.issuer.url, AUDIENCE, self.mint(forge="consumer-key")), "ASSAY_E_KEY_UNKNOWN")
        self.assertEqual(self.verify(self.issuer.url, AUDIENCE, self.mint(forge="audience")), "ASSAY_E_AUDIENCE")

    def test_index_lists_kinds_and_forgeries(self):
        index = self.issuer.call("/")
        for name in (*KINDS, "b2c", "consumer", "consumer-key", "gov-key", "custom-key", "wrong-tenant", "discovery/v2.0/keys"):
            self.assertIn(name, index)

    def test_options(self):
        self.refused_options("not both", "--entra", "--kubernetes")
        self.refused_options("tenants make the path", "--entra", "--path", "/x")
        self.refused_options("GUID in lower case", "--entra", "--tenant", TENANT.upper())
        self.refused_options("Entra's", "--tenant", TENANT)
        self.refused_options("Entra's", "--cloud-instance", "x")

    def test_tenant_cloud_and_lifetime_of_options(self):
        other = Issuer(COMMAND, self.folder.name, "--entra", "--tenant", OTHER, "--cloud-instance", "microsoftonline.us",
                       "--lifetime", "60", tls=False)
        try:
            self.assertEqual(other.url, f"{other.base}/{OTHER}/v2.0")
            metadata = json.loads(other.call("/organizations/v2.0/.well-known/openid-configuration"))
            self.assertEqual(metadata["cloud_instance_name"], "microsoftonline.us")
            keys = json.loads(other.call("/organizations/discovery/v2.0/keys"))["keys"]
            self.assertEqual([key["cloud_instance_name"] for key in keys], ["microsoftonline.us", "microsoftonline.com"])
            claims = decode(other.call("/mint", {"entra": "managed-identity", "version": 1}))[1]
            self.assertEqual((claims["tid"], claims["aud"], claims["exp"] - claims["iat"]), (OTHER, "dev-audience", 360))
        finally:
            self.assertEqual(other.stop(), 0)


class Kubernetes(Shapes):
    options = ("--kubernetes", "--path", f"/{TENANT}/{OTHER}/")

    def test_metadata_and_keys(self):
        document = self.get(f"/{TENANT}/{OTHER}/.well-known/openid-configuration")
        self.assertEqual(set(document), {"issuer", "jwks_uri", "response_types_supported", "subject_types_supported",
                                         "id_token_signing_alg_values_supported"})
        self.assertEqual(self.issuer.url, f"{self.issuer.base}/{TENANT}/{OTHER}/")
        self.assertEqual(document["issuer"], self.issuer.url)
        self.assertEqual(document["jwks_uri"], f"{self.issuer.url}openid/v1/jwks")
        self.assertCountEqual(document["id_token_signing_alg_values_supported"], ["RS256", "ES256"])
        self.assertEqual(len(self.get(f"/{TENANT}/{OTHER}/openid/v1/jwks")["keys"]), 2)

    def test_service_account(self):
        token = self.mint(kubernetes="service-account", namespace="shop", name="web")
        header, claims = decode(token)
        self.assertEqual(set(header), {"alg", "kid"})
        self.assertEqual(set(claims), set("aud exp iat nbf iss jti kubernetes.io sub".split()))
        self.assertEqual((claims["sub"], claims["aud"]), ("system:serviceaccount:shop:web", [AUDIENCE]))
        bound = claims["kubernetes.io"]
        self.assertEqual((bound["namespace"], bound["serviceaccount"]["name"]), ("shop", "web"))
        for part in ("node", "pod", "serviceaccount"):
            self.assertEqual([len(piece) for piece in bound[part]["uid"].split("-")], [8, 4, 4, 4, 12])
        again = self.token(namespace="shop", name="web")[1]
        self.assertEqual(again["kubernetes.io"], bound)
        self.assertNotEqual(again["jti"], claims["jti"])
        self.assertEqual(decode(self.issuer.call("/mint?namespace=1&name=2"))[1]["sub"], "system:serviceaccount:1:2")
        self.assertEqual(self.token()[1]["sub"], "system:serviceaccount:default:orders")
        self.assertIn(b"system:serviceaccount:shop:web", run("inspect", stdin=token).stdout)
        for each in (token, self.mint(algorithm="ES256")):
            self.assertEqual(self.verify(self.issuer.url, AUDIENCE, each, "kubernetes"), "ASSAY_OK")
        for claims, code in (({"sub": "system:serviceaccount:shop:web"}, "CLAIM_VALUE"), ({"kubernetes.io": None}, "CLAIM_MISSING"),
                             ({"aud": [AUDIENCE, "api://AzureADTokenExchange"]}, "EXCHANGE_AUDIENCE")):
            with self.subTest(claims):
                found = self.verify(self.issuer.url, AUDIENCE, self.mint(claims=claims), "kubernetes")
                self.assertEqual(found, f"ASSAY_E_{code}")

    def test_bad_members(self):
        for members in ({"kubernetes": "no-such"}, {"namespace": 1}, {"name": 1}, {"entra": "user"}, {"forge": "gov-key"}):
            with self.subTest(members):
                self.assertTrue(self.fails(400, "/mint", members))

    def test_slash_alone(self):
        other = Issuer(COMMAND, self.folder.name, "--kubernetes", "--path", "/", tls=False)
        try:
            document = json.loads(other.call("/.well-known/openid-configuration"))
            self.assertEqual((document["issuer"], other.url), (f"{other.base}/", f"{other.base}/"))
            self.assertEqual(document["jwks_uri"], f"{other.base}/openid/v1/jwks")
        finally:
            self.assertEqual(other.stop(), 0)


class Ci(Shapes):
    def test_github(self):
        token = self.mint(ci="github")
        claims = decode(token)[1]
        real = fixture("github-actions.openid-configuration.json")
        if real is not None:
            # Not of every job, or known to us by name alone.
            absent = {"environment", "environment_node_id", "issuer_scope"}
            self.assertEqual(set(claims), set(real["claims_supported"]) - absent)
        self.assertEqual((claims["sub"], claims["iss"]), ("repo:assay-dev/orders:ref:refs/heads/main", self.issuer.url))
        self.assertEqual((claims["iat"] - claims["nbf"], claims["exp"] - claims["iat"]), (600, 300))
        renamed = self.token(ci="github", immutable=True)[1]
        self.assertEqual(renamed["sub"], "repo:assay-dev@65/orders@74:ref:refs/heads/main")
        self.assertEqual((renamed["repository_id"], renamed["repository_owner_id"]), ("74", "65"))
        self.assertEqual(self.token(ci="github", immutable=False)[1]["sub"], claims["sub"])
        self.assertEqual(decode(self.issuer.call("/mint?ci=github&immutable=true"))[1]["sub"], renamed["sub"])
        for each in (token, self.mint(ci="github", immutable=True)):
            self.assertEqual(self.verify(self.issuer.url, AUDIENCE, each, "github"), "ASSAY_OK")
        moved = self.mint(ci="github", immutable=True, claims={"repository_id": "75"})
        self.assertEqual(self.verify(self.issuer.url, AUDIENCE, moved, "github"), "ASSAY_E_CLAIM_VALUE")
        self.assertEqual(self.verify(self.issuer.url, AUDIENCE, token, "gitlab"), "ASSAY_E_CLAIM_MISSING")
        self.assertIn(b"refs/heads/main", run("inspect", stdin=token).stdout)

    def test_gitlab(self):
        token = self.mint(ci="gitlab")
        claims = decode(token)[1]
        self.assertEqual(claims["sub"], "project_path:assay-dev/orders:ref_type:branch:ref:main")
        self.assertEqual((claims["project_id"], claims["namespace_id"], claims["runner_id"]), ("20", "72", 1))
        self.assertEqual((claims["iat"] - claims["nbf"], claims["exp"] - claims["iat"]), (5, 3600))
        self.assertEqual(self.verify(self.issuer.url, AUDIENCE, token, "gitlab"), "ASSAY_OK")
        self.assertEqual(self.verify(self.issuer.url, AUDIENCE, token, "github"), "ASSAY_E_CLAIM_MISSING")
        self.assertIn(b"assay-dev/orders", run("inspect", stdin=token).stdout)

    def test_bad_members(self):
        for members in ({"ci": "no-such"}, {"ci": 1}, {"ci": "gitlab", "immutable": True}, {"ci": "github", "immutable": "yes"},
                        {"entra": "user"}, {"kubernetes": "service-account"}, {"tenant": TENANT}, {"name": "n"}):
            with self.subTest(members):
                self.assertTrue(self.fails(400, "/mint", members))

    def test_without_a_shape_their_names_are_claims(self):
        claims = decode(self.issuer.call("/mint?tenant=t&name=n&version=2&immutable=true&entra=x"))[1]
        self.assertEqual([claims[name] for name in ("tenant", "name", "version", "immutable", "entra")], ["t", "n", 2, "true", "x"])
        self.fails(400, "/mint", {"forge": "gov-key"})
        self.assertNotIn("gov-key", self.issuer.call("/"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
