#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command against its own development issuer, over TLS on loopback: run_cli_tests.py COMMAND [TEST…]"""

import base64
import json
import os
import pathlib
import pty
import select
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from dev_issuer import SECONDS, Issuer  # noqa: E402

COMMAND = ""
AUDIENCE = "api://cli-tests"
FORGERIES = {  # forgery: codes, any of which is right
    "signature": ["SIGNATURE"],
    "wrong-key": ["SIGNATURE"],
    "unknown-kid": ["KEY_UNKNOWN"],
    "none": ["ALGORITHM_NONE"],
    "none-case": ["ALGORITHM", "ALGORITHM_NONE"],
    "hs256-public-key": ["ALGORITHM"],
    "embedded-jwk": ["SIGNATURE"],
    "jku": ["SIGNATURE"],
    "empty-signature": ["SIGNATURE", "MALFORMED"],
    "zero-signature": ["SIGNATURE"],
    "expired": ["EXPIRED"],
    "not-yet-valid": ["NOT_YET_VALID"],
    "issued-in-future": ["ISSUED_IN_FUTURE"],
    "no-expiry": ["EXPIRY_MISSING"],
    "audience": ["AUDIENCE"],
    "no-audience": ["AUDIENCE_MISSING"],
    "issuer": ["ISSUER"],
    "no-issuer": ["ISSUER_MISSING"],
    "crit": ["CRIT"],
    "b64": ["UNENCODED", "CRIT"],
    "duplicate-claim": ["PAYLOAD"],
    "truncated": ["SIGNATURE", "BASE64URL"],
    "padding": ["BASE64URL"],
    "four-segments": ["MALFORMED"],
    "encrypted": ["ENCRYPTED"],
}


def run(*arguments, stdin=b"", env=None):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    return subprocess.run([COMMAND, *arguments], input=stdin, capture_output=True, timeout=SECONDS, env=env)


def start_issuer(folder, *options, tls=True):
    return Issuer(COMMAND, folder, *options, tls=tls, audience=AUDIENCE)


class Cli(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.issuer = start_issuer(cls.folder.name, "--path", "/tenant/v2.0", "--algorithm", "RS256",
                                  "--algorithm", "ES256", "--algorithm", "PS256", "--algorithm", "ES512", "--algorithm", "EdDSA")

    @classmethod
    def tearDownClass(cls):
        status = cls.issuer.stop()
        cls.folder.cleanup()
        assert status == 0, f"the issuer ended with {status}"

    def setUp(self):
        self.issuer.call("/fault", {"kind": "none"})

    def path(self, name, content=b""):
        path = pathlib.Path(self.folder.name) / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def options(self, *more):
        return ["--issuer", self.issuer.url, "--audience", AUDIENCE, "--ca-file", self.issuer.ca, *more]

    def verify(self, token, *more):
        """Exit status and the JSON object."""
        done = run("verify", *self.options("--json", *more), stdin=token)
        self.assertTrue(done.stdout, done.stderr.decode(errors="replace"))
        return done.returncode, json.loads(done.stdout)

    def refused(self, token, code, *more):
        status, verdict = self.verify(token, *more)
        self.assertEqual((status, verdict["code"]), (1, "ASSAY_E_" + code), verdict)
        self.assertFalse(verdict["valid"])
        self.assertTrue(verdict["decided"])
        self.assertIsNone(verdict["claims"])
        self.assertIsNone(verdict["subject"])
        return verdict

    def accepted(self, token, *more):
        status, verdict = self.verify(token, *more)
        self.assertEqual((status, verdict["valid"]), (0, True), verdict)
        return verdict

    def usage(self, said, *arguments, stdin=b""):
        done = run(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 2, (arguments, done.stdout, done.stderr))
        self.assertIn(said, done.stderr.decode())
        self.assertEqual(done.stdout, b"")

    # --- verify: accepted ---

    def test_verify_accepts(self):
        verdict = self.accepted(self.issuer.mint({"sub": "alice", "scope": "a b"}))
        for member in ("valid decided code code_number category check message hint expected found found_is_verified "
                       "http_status www_authenticate retry_after issuer subject expiry algorithm kid claims").split():
            self.assertIn(member, verdict)
        self.assertEqual(verdict["code"], "ASSAY_OK")
        self.assertEqual(verdict["code_number"], 0)
        self.assertEqual(verdict["category"], "none")
        self.assertEqual(verdict["issuer"], self.issuer.url)
        self.assertEqual(verdict["subject"], "alice")
        self.assertEqual(verdict["algorithm"], "RS256")
        self.assertTrue(verdict["kid"].startswith("dev-RS256-"))
        self.assertEqual(verdict["claims"]["scope"], "a b")
        self.assertEqual(verdict["claims"]["exp"], verdict["expiry"])

    def test_verify_every_algorithm(self):
        for algorithm in ("RS256", "ES256", "PS256", "ES512", "EdDSA"):
            with self.subTest(algorithm):
                token = self.issuer.mint(algorithm=algorithm)
                self.assertEqual(self.accepted(token, "--algorithm", algorithm)["algorithm"], algorithm)
                if algorithm not in ("RS256", "ES256"):
                    self.refused(token, "ALGORITHM")

    def test_verify_table(self):
        done = run("verify", *self.options(), stdin=self.issuer.mint({"sub": "alice"}))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(b"ACCEPTED\n"))
        self.assertIn(b"alice", done.stdout)
        self.assertNotIn(b"\033", done.stdout)

    def test_verify_token_sources(self):
        token = self.issuer.mint()
        for line_end in ("", "\n", "\r\n"):
            self.accepted(token + line_end)
        self.assertEqual(run("verify", *self.options(self.path("token", token + "\n"))).returncode, 0)
        self.assertEqual(run("verify", *self.options("-"), stdin=token).returncode, 0)
        self.assertEqual(run("verify", *self.options("--", self.path("token", token))).returncode, 0)
        self.refused(token + "\n\n", "BASE64URL")
        self.refused(token + " ", "BASE64URL")

    def test_verify_equals_form_and_several_audiences(self):
        done = run("verify", f"--issuer={self.issuer.url}", "--audience=other", f"--audience={AUDIENCE}",
                   f"--ca-file={self.issuer.ca}", stdin=self.issuer.mint())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_verify_jwks_offline(self):
        token = self.issuer.mint()
        keys = self.path("keys.json", self.issuer.call("/jwks"))
        before = self.issuer.stats()
        done = run("verify", "--issuer", self.issuer.url, "--audience", AUDIENCE, "--jwks", keys, stdin=token)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(before, self.issuer.stats())

    def test_verify_loopback_http(self):
        plain = start_issuer(self.folder.name, tls=False)
        try:
            token = plain.mint()
            options = ["--issuer", plain.url, "--audience", AUDIENCE]
            self.assertEqual(run("verify", *options, "--allow-loopback-http", stdin=token).returncode, 0)
            self.assertEqual(run("verify", *options, stdin=token).returncode, 2)
        finally:
            self.assertEqual(plain.stop(), 0)

    def test_verify_config(self):
        document = {"issuers": [{"issuer": self.issuer.url, "audiences": [AUDIENCE]}]}
        config = self.path("config.json", json.dumps(document))
        done = run("verify", "--config", config, "--ca-file", self.issuer.ca, "--json", stdin=self.issuer.mint())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        document["no_such_member"] = True
        config = self.path("unknown.json", json.dumps(document))
        done = run("verify", "--config", config, "--json", stdin=self.issuer.mint())
        verdict = json.loads(done.stdout)
        self.assertEqual((done.returncode, verdict["code"]), (2, "ASSAY_E_CONFIG_MEMBER"), verdict)
        self.assertFalse(verdict["decided"])

    # --- verify: refused ---

    def test_verify_refuses_each_forgery(self):
        for forgery, codes in FORGERIES.items():
            with self.subTest(forgery):
                status, verdict = self.verify(self.issuer.mint(forge=forgery))
                self.assertEqual(status, 1, verdict)
                self.assertIn(verdict["code"], ["ASSAY_E_" + code for code in codes], verdict)
                self.assertIs(verdict["valid"], False)
                self.assertIsNone(verdict["claims"])
                self.assertEqual(verdict["http_status"], 401)
                self.assertIn('error="invalid_token"', verdict["www_authenticate"])
                self.assertTrue(verdict["message"] and verdict["hint"] and verdict["check"], verdict)

    def test_verify_refuses_der_signature(self):
        self.refused(self.issuer.mint(forge="der-signature", algorithm="ES256"), "SIGNATURE")
        self.refused(self.issuer.mint(forge="zero-signature", algorithm="ES256"), "SIGNATURE")

    def test_refused_table_names_code_and_no_claims(self):
        done = run("verify", *self.options(), stdin=self.issuer.mint({"sub": "alice"}, forge="expired"))
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith(b"REFUSED\n"))
        self.assertIn(b"ASSAY_E_EXPIRED", done.stdout)
        self.assertNotIn(b"alice", done.stdout)

    def test_verify_binary_and_long_input(self):
        self.assertEqual(self.verify(bytes(range(256)))[0], 1)
        self.assertEqual(self.verify(b"\0")[0], 1)
        token = self.issuer.mint()
        self.assertEqual(self.verify(token.encode() + b"\0")[0], 1)
        self.refused(b"a" * (1 << 20), "TOKEN_SIZE")

    def test_verify_scope_and_role(self):
        token = self.issuer.mint({"scope": "read write", "scp": ["array"], "roles": ["admin", "user"]})
        self.accepted(token, "--require-scope", "read", "--require-scope", "array", "--require-role", "admin")
        verdict = self.refused(token, "SCOPE", "--require-scope", "rea")
        self.assertEqual((verdict["check"], verdict["http_status"]), ("scope", 403))
        self.assertIn('error="insufficient_scope"', verdict["www_authenticate"])
        self.assertIn('scope="rea"', verdict["www_authenticate"])
        verdict = self.refused(token, "ROLE", "--require-role", "root")
        self.assertEqual((verdict["check"], verdict["http_status"]), ("role", 403))
        self.refused(self.issuer.mint({"roles": "admin"}), "ROLE", "--require-role", "admin")
        self.refused(self.issuer.mint({"scope": ["read"]}), "SCOPE", "--require-scope", "read")
        self.accepted(self.issuer.mint({"scp": "x read"}), "--require-scope", "read")

    # --- verify: time and request ---

    def test_verify_now(self):
        now = int(time.time())
        token = self.issuer.mint({"iat": now, "nbf": now, "exp": now + 600})
        self.accepted(token, "--now", str(now + 599))
        self.refused(token, "EXPIRED", "--now", str(now + 700))
        self.refused(token, "NOT_YET_VALID", "--now", str(now - 700))

    def test_verify_leeway(self):
        now = int(time.time())
        token = self.issuer.mint({"iat": now - 600, "nbf": now - 600, "exp": now})
        self.accepted(token, "--now", str(now + 100), "--leeway", "200")
        self.refused(token, "EXPIRED", "--now", str(now + 100), "--leeway", "0")

    def test_verify_nonce(self):
        token = self.issuer.mint({"nonce": "n-1"})
        self.accepted(token, "--profile", "id-token", "--nonce", "n-1")
        self.refused(token, "NONCE", "--profile", "id-token", "--nonce", "n-2")
        self.refused(token, "ID_TOKEN")
        without = self.issuer.mint()
        self.assertEqual(self.verify(without, "--profile", "id-token", "--nonce", "n-1")[0], 1)
        self.assertEqual(self.verify(without, "--nonce", "n-1")[0], 1)

    def test_verify_max_age(self):
        now = int(time.time())
        id_token = ("--profile", "id-token")
        self.accepted(self.issuer.mint({"auth_time": now - 100}), "--max-age", "300", *id_token)
        self.refused(self.issuer.mint({"auth_time": now - 1000}), "AUTH_TIME", "--max-age", "300", *id_token)

    def test_verify_profile_and_client_id(self):
        self.refused(self.issuer.mint(), "TYP", "--profile", "rfc9068")
        token = self.issuer.mint({"client_id": "c"}, header={"typ": "at+jwt"})
        self.accepted(token, "--profile", "rfc9068")
        id_token = self.issuer.mint({"azp": "c", "nonce": "n", "aud": [AUDIENCE, "other"]})
        self.accepted(id_token, "--profile", "id-token", "--client-id", "c")
        self.refused(id_token, "AUTHORIZED_PARTY", "--profile", "id-token", "--client-id", "d")

    def test_verify_explain(self):
        done = run("verify", *self.options("--explain"), stdin=self.issuer.mint())
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"checks in their order", done.stdout)
        _, verdict = self.verify(self.issuer.mint(forge="audience"), "--explain")
        results = {step["step"]: step["result"] for step in verdict["steps"]}
        self.assertEqual((results["issuer"], results["audience"], results["signature"]),
                         ("passed", "failed", "not decided"))
        _, verdict = self.verify(self.issuer.mint(), "--explain")
        self.assertEqual({step["result"] for step in verdict["steps"]}, {"passed"})

    # --- could not decide ---

    def test_issuer_down(self):
        other = start_issuer(self.folder.name)
        token = other.mint()
        ca, url = other.ca, other.url
        self.assertEqual(other.stop(), 0)
        done = run("verify", "--issuer", url, "--audience", AUDIENCE, "--ca-file", ca, "--json", stdin=token)
        verdict = json.loads(done.stdout)
        self.assertEqual(done.returncode, 3, verdict)
        self.assertEqual((verdict["valid"], verdict["decided"]), (False, False))
        self.assertIn(verdict["category"], ("keys", "network"))
        self.assertEqual(verdict["http_status"], 503)
        done = run("discover", url, "--ca-file", ca, "--json")
        self.assertEqual(done.returncode, 3, done.stdout)

    def test_untrusted_tls(self):
        done = run("verify", "--issuer", self.issuer.url, "--audience", AUDIENCE, "--json", stdin=self.issuer.mint())
        self.assertEqual(done.returncode, 3, done.stdout)

    def test_faults_never_decide(self):
        token = self.issuer.mint()
        for target, kind in (("jwks", "status"), ("jwks", "redirect"), ("jwks", "garbage"), ("jwks", "empty-keys"),
                             ("jwks", "truncated"), ("jwks", "reset"), ("jwks", "html"), ("jwks", "deep"), ("jwks", "huge"),
                             ("metadata", "wrong-issuer"), ("metadata", "status"), ("metadata", "redirect")):
            with self.subTest(f"{target} {kind}"):
                self.issuer.call("/fault", {"target": "all", "kind": "none"})
                self.issuer.call("/fault", {"target": target, "kind": kind})
                status, verdict = self.verify(token)
                self.assertEqual((status, verdict["decided"]), (3, False), verdict)
        self.assertEqual(self.issuer.stats()["redirected"], 0)

    # --- usage ---

    def test_usage_errors(self):
        issuer = ["--issuer", self.issuer.url]
        both = [*issuer, "--audience", AUDIENCE]
        token = self.issuer.mint()
        self.usage("--audience", "verify", *issuer, stdin=token)
        self.usage("--issuer", "verify", "--audience", AUDIENCE, stdin=token)
        self.usage("--no-such", "verify", *both, "--no-such", stdin=token)
        self.usage("-x", "verify", *both, "-x", stdin=token)
        self.usage("--nonce is empty", "verify", *both, "--nonce", "", stdin=token)
        self.usage("--nonce needs a value", "verify", *both, "--nonce", "--json", stdin=token)
        self.usage("given twice", "verify", *both, "--nonce", "a", "--nonce", "b", stdin=token)
        self.usage("takes no value", "verify", *both, "--json=1", stdin=token)
        self.usage("whole number", "verify", *both, "--leeway", "1x", stdin=token)
        self.usage("whole number", "verify", *both, "--now", "99999999999999999999", stdin=token)
        self.usage("not one scope", "verify", *both, "--require-scope", "a b", stdin=token)
        self.usage("unexpected argument", "verify", *both, "-", "another", stdin=token)
        self.usage("--tenant goes with --profile entra", "verify", *both, "--tenant", "t", stdin=token)
        self.usage("use --config FILE", "verify", *both, "--profile", "entra-b2c", stdin=token)
        self.usage("use --config FILE", "verify", *both, "--profile", "entra-external-id", "--tenant", "t", stdin=token)
        self.usage("--tenant can't stand beside --config", "verify", "--config", self.path("c", "{}"), "--tenant", "t", stdin=token)
        self.usage("can't stand beside --config", "verify", "--config", self.path("c", "{}"), *issuer, stdin=token)
        self.usage("No such file", "verify", *both, "/no/such/token")
        self.usage("directory", "verify", *both, self.folder.name)
        self.usage("No such file", "verify", *both, "--jwks", "/no/such/keys", stdin=token)
        self.usage("empty", "verify", *both, "--jwks", self.path("k", self.issuer.call("/jwks")), stdin=b"")
        self.usage("empty", "verify", *both, "--jwks", self.path("k", self.issuer.call("/jwks")), stdin=b"\n")
        self.usage("longer than", "verify", *both, stdin=b"a" * ((1 << 20) + 1))
        self.usage("--jwks", "jws", "--algorithm", "RS256", stdin=token)
        self.usage("name the issuer", "discover")
        self.usage("unknown subcommand", "no-such")
        self.usage("unknown subcommand", "nonsense")
        self.usage("usage:", )

    def test_configuration_errors(self):
        def fails(code, *arguments):
            done = run("verify", "--json", *arguments, stdin=self.issuer.mint())
            self.assertEqual((done.returncode, json.loads(done.stdout)["code"]), (2, code), done.stdout)

        both = ["--issuer", self.issuer.url, "--audience", AUDIENCE]
        audience = ["--audience", AUDIENCE]
        fails("ASSAY_E_CONFIG_CA", *both, "--ca-file", "/no/such/ca.pem")
        fails("ASSAY_E_CONFIG_CA", *both, "--ca-file", self.path("not-a-ca.pem", "hello"))
        fails("ASSAY_E_CONFIG_ISSUER", *audience, "--issuer", "https://user:secret@issuer.example")
        fails("ASSAY_E_CONFIG_ISSUER", *audience, "--issuer", "https://issuer.example?x=1")
        fails("ASSAY_E_CONFIG_PROFILE", *both, "--profile", "no-such")
        fails("ASSAY_E_CONFIG_ALGORITHM", *both, "--algorithm", "none")
        fails("ASSAY_E_CONFIG_ALGORITHM", *both, "--algorithm", "XX999")
        fails("ASSAY_E_CONFIG_TIME", *both, "--leeway", "301")
        fails("ASSAY_E_CONFIG_KEYS", *both, "--jwks", self.path("no-keys.json", '{"keys":[]}'))
        fails("ASSAY_E_CONFIG", "--config", self.path("broken.json", "{"))

    def test_help_and_version(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for name in (b"verify", b"jws", b"inspect", b"discover", b"token", b"doctor", b"issuer"):
            self.assertIn(name, done.stdout)
            each = run(name.decode(), "--help")
            self.assertEqual((each.returncode, each.stderr), (0, b""))
            self.assertIn(b"--json", each.stdout)
        self.assertEqual(run("--version").returncode, 0)

    def test_unwritable_output_is_no_verdict(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([COMMAND, "verify", *self.options("--json")], input=self.issuer.mint().encode(),
                                  stdout=full, stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(done.returncode, 3, done.stderr)

    # --- inspect, jws, discover ---

    def test_inspect(self):
        token = self.issuer.mint({"sub": "alice"}, forge="none")
        done = run("inspect", stdin=token)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(b"NOT VERIFIED"))
        self.assertIn(b"alice", done.stdout)
        done = run("inspect", stdin=self.issuer.mint(forge="expired"))
        self.assertIn(b"expired 1 h ago", done.stdout)
        document = json.loads(run("inspect", "--json", stdin=token).stdout)
        self.assertIs(document["verified"], False)
        self.assertEqual(document["payload"]["sub"], "alice")
        self.assertEqual(run("inspect", stdin="a.b").returncode, 1)

    def test_inspect_escapes_control_bytes(self):
        token = self.issuer.mint({"sub": "a\u001b[2Jb\u009b\u202ec\r"})
        done = run("inspect", stdin=token)
        self.assertEqual(done.returncode, 0, done.stderr)
        for bad in (b"\x1b", b"\xc2\x9b", "\u202e".encode(), b"\r"):
            self.assertNotIn(bad, done.stdout)
        self.assertIn(b"\\x1b[2Jb", done.stdout)

    def test_jws(self):
        keys = self.path("jws-keys.json", self.issuer.call("/jwks"))
        token = self.issuer.mint(payload_raw="any bytes, no JSON")
        done = run("jws", "--jwks", keys, "--algorithm", "RS256", stdin=token)
        self.assertEqual((done.returncode, done.stdout), (0, b"any bytes, no JSON"), done.stderr)
        document = json.loads(run("jws", "--jwks", keys, "--algorithm", "RS256", "--json", stdin=token).stdout)
        self.assertTrue(document["valid"])
        self.assertEqual(document["payload"], "any bytes, no JSON")
        padded = document["payload_base64url"] + "=" * (-len(document["payload_base64url"]) % 4)
        self.assertEqual(base64.urlsafe_b64decode(padded), b"any bytes, no JSON")
        done = run("jws", "--jwks", keys, "--algorithm", "RS256", "--claims", "--json", stdin=token)
        self.assertEqual((done.returncode, json.loads(done.stdout)["code"]), (1, "ASSAY_E_PAYLOAD"))
        self.assertEqual(run("jws", "--jwks", keys, "--algorithm", "ES256", stdin=token).returncode, 1)
        for forgery in ("signature", "wrong-key", "none"):
            done = run("jws", "--jwks", keys, "--algorithm", "RS256", stdin=self.issuer.mint(forge=forgery))
            self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(run("jws", "--jwks", keys, "--algorithm", "XX", stdin=token).returncode, 2)

    def test_jws_symmetric(self):
        import hashlib
        import hmac

        def encode(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")

        secret = bytes(range(32))
        keys = self.path("oct.json", json.dumps({"kty": "oct", "alg": "HS256", "k": encode(secret).decode()}))
        signed = encode(b'{"alg":"HS256"}') + b"." + encode(b"hello")
        token = signed + b"." + encode(hmac.new(secret, signed, hashlib.sha256).digest())
        done = run("jws", "--jwks", keys, "--algorithm", "HS256", stdin=token)
        self.assertEqual((done.returncode, done.stdout), (0, b"hello"), done.stderr)

    def test_discover(self):
        done = run("discover", self.issuer.url, "--ca-file", self.issuer.ca, "--json")
        document = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0, document)
        self.assertTrue(document["ok"])
        self.assertEqual(document["issuer"], self.issuer.url)
        self.assertEqual(document["jwks_uri"], self.issuer.url + "/jwks")
        self.assertEqual(document["metadata_url"], self.issuer.url + "/.well-known/openid-configuration")
        served = {key["kid"] for key in document["keys"]}
        self.assertLessEqual({key["kid"] for key in json.loads(self.issuer.call("/jwks"))["keys"]}, served)
        done = run("discover", "--oauth", self.issuer.url, "--ca-file", self.issuer.ca, "--json")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("/.well-known/oauth-authorization-server/tenant/v2.0", json.loads(done.stdout)["metadata_url"])
        done = run("discover", self.issuer.url, "--ca-file", self.issuer.ca)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"thumbprint", done.stdout)
        done = run("discover", "http://issuer.example")
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.issuer.call("/fault", {"target": "metadata", "kind": "wrong-issuer"})
        done = run("discover", self.issuer.url, "--ca-file", self.issuer.ca, "--json")
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertEqual(json.loads(done.stdout)["code"], "ASSAY_E_METADATA_ISSUER")

    # --- terminal ---

    def on_terminal(self, *arguments, env=None):
        """Output of a run whose standard output is a terminal, bounded."""
        try:
            main, other = pty.openpty()
        except OSError as error:  # a container without /dev/pts
            self.skipTest(f"no pseudo-terminal: {error}")
        process = subprocess.Popen([COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=other,
                                   stderr=subprocess.DEVNULL, env=env)
        os.close(other)
        output = b""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            ready, _, _ = select.select([main], [], [], 0.2)
            if ready:
                try:
                    chunk = os.read(main, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                output += chunk
        os.close(main)
        process.wait(SECONDS)
        return output

    def test_terminal_colour_and_escapes(self):
        token = self.path("t", self.issuer.mint({"sub": "a\u001b[2Jb"}))
        environment = {**os.environ, "TERM": "xterm"}
        environment.pop("NO_COLOR", None)
        output = self.on_terminal("inspect", token, env=environment)
        self.assertIn(b"\x1b[33mNOT VERIFIED\x1b[0m", output)
        self.assertNotIn(b"\x1b[2J", output)
        self.assertNotIn(b"\x1b", self.on_terminal("inspect", token, env={**environment, "NO_COLOR": "1"}))
        keys = self.path("terminal-keys.json", self.issuer.call("/jwks"))
        raw = self.path("raw", self.issuer.mint(payload_raw="x\u001b[2Jy"))
        self.assertNotIn(b"\x1b", self.on_terminal("jws", "--jwks", keys, "--algorithm", "RS256", raw, env=environment))

    # --- issuer ---

    def test_issuer_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            self.usage(f"port {port} is in use", "issuer", "--port", port)

    def test_issuer_usage(self):
        self.usage("no such algorithm", "issuer", "--algorithm", "HS256")
        self.usage("go together", "issuer", "--tls", "--cert", "x")
        self.usage("need --tls", "issuer", "--ca-out", "x")
        self.usage("path must begin", "issuer", "--path", "x")
        self.usage("whole number", "issuer", "--port", "65536")
        self.usage("unexpected argument", "issuer", "x")
        self.usage("can't read", "issuer", "--tls", "--cert", "/no/such", "--key", "/no/such")

    def test_issuer_etag_and_rotation(self):
        request = urllib.request.Request(self.issuer.base + "/jwks")
        with urllib.request.urlopen(request, timeout=SECONDS, context=self.issuer.context) as answer:
            tag = answer.headers["ETag"]
            self.assertEqual(answer.headers["Cache-Control"], "public, max-age=3600")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.issuer.call("/jwks", headers={"If-None-Match": tag})
        self.assertEqual(caught.exception.code, 304)
        caught.exception.close()
        old = [key["kid"] for key in json.loads(self.issuer.call("/jwks"))["keys"]]
        answer = json.loads(self.issuer.call("/rotate", {}))
        self.assertEqual(answer["served"], [answer["kid"], *old])
        self.accepted(self.issuer.mint(key=answer["kid"]))
        self.issuer.call("/rotate", {"serve": old})
        self.refused(self.issuer.mint(key=answer["kid"]), "KEY_UNKNOWN")
        self.assertEqual(json.loads(self.issuer.call("/rotate", {"serve": old}))["served"], old)

    def test_issuer_max_age(self):
        for option, header in (("0", "public, max-age=0"), ("15", "public, max-age=15"), ("-1", None)):
            other = start_issuer(self.folder.name, "--max-age", option, tls=False)
            try:
                with urllib.request.urlopen(other.base + "/jwks", timeout=SECONDS) as answer:
                    self.assertEqual(answer.headers["Cache-Control"], header)
            finally:
                self.assertEqual(other.stop(), 0)

    def test_issuer_ends_while_a_client_waits(self):
        other = start_issuer(self.folder.name, tls=False)
        other.call("/fault", {"kind": "slow", "value": 60000})
        with socket.create_connection(("127.0.0.1", int(other.base.rsplit(":", 1)[1])), timeout=SECONDS) as waiting:
            waiting.sendall(b"GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n")
            end = time.monotonic() + SECONDS
            while other.stats()["jwks"] == 0 and time.monotonic() < end:
                time.sleep(0.02)
            started = time.monotonic()
            other.process.send_signal(signal.SIGINT)
            self.assertEqual(other.stop(), 0)
            self.assertLess(time.monotonic() - started, SECONDS / 2)

    def test_issuer_refuses_bad_requests(self):
        for path, body in (("/mint", {"forge": "no-such"}), ("/mint", {"unknown": 1}), ("/mint", {"algorithm": "HS256"}),
                           ("/mint", {"key": "no-such"}), ("/fault", {"kind": "no-such"}), ("/rotate", {"serve": ["x"]}),
                           ("/rotate", {"algorithm": 1}), ("/settings", {})):
            with self.subTest(path), self.assertRaises(urllib.error.HTTPError) as caught:
                self.issuer.call(path, body)
            self.assertEqual(caught.exception.code, 400)
            caught.exception.close()
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.issuer.call("/no-such")
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
