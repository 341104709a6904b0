# SPDX-License-Identifier: MIT
"""What the tests of the development issuer's token endpoints share: requests as a strict client writes them, assertions signed with
OpenSSL's command, and one or several issuers for a class of tests."""

import base64
import hashlib
import http.client
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from dev_issuer import SECONDS, Issuer  # noqa: E402

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
OTHER = "bbbbcccc-1111-dddd-2222-eeee3333ffff"
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
PUBLIC = "00001111-aaaa-2222-bbbb-3333cccc5555"
API = "11111111-2222-3333-4444-555555555555"
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
SUBJECT = "system:serviceaccount:default:orders"
SECRET = "a+b/c=%&~ ü"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(token):
    """Header and payload, unverified."""
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")[:2]]


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error_codes"][0]


class Certificate:
    """A key with a certificate, made for this run."""

    def __init__(self, folder, name, kind="rsa:2048"):
        self.key = str(pathlib.Path(folder) / f"{name}-key.pem")
        self.path = str(pathlib.Path(folder) / f"{name}.pem")
        extra = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
        subprocess.run(["openssl", "req", "-x509", "-newkey", kind, *extra, "-nodes", "-keyout", self.key, "-out", self.path,
                        "-subj", f"/CN={name}", "-days", "2"], check=True, capture_output=True, timeout=SECONDS)
        self.pem = pathlib.Path(self.path).read_text()
        self.der = base64.b64decode("".join(self.pem.split("-----")[2].split()))

    def assertion(self, client_id, audience, algorithm="PS256", header=None, **claims):
        now = int(time.time())
        head = {"alg": algorithm, "typ": "JWT", "x5t#S256": encode(hashlib.sha256(self.der).digest()), **(header or {})}
        body = {"aud": audience, "iss": client_id, "sub": client_id, "jti": str(uuid.uuid4()), "nbf": now, "iat": now,
                "exp": now + 600, **claims}
        text = ".".join(encode(json.dumps(part).encode()) for part in ({k: v for k, v in head.items() if v is not None}, body))
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if algorithm == "PS256" else []
        signed = subprocess.run(["openssl", "dgst", "-sha256", *options, "-sign", self.key], input=text.encode(), check=True,
                                capture_output=True, timeout=SECONDS).stdout
        return f"{text}.{encode(signed)}"


class TokenTests(unittest.TestCase):
    maxDiff = None
    command = ""
    options = ()
    tls = False

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.issuer = Issuer(cls.command, cls.folder.name, *cls.options, tls=cls.tls)
        cls.others = []

    @classmethod
    def tearDownClass(cls):
        statuses = [issuer.stop() for issuer in [cls.issuer, *cls.others]]
        cls.folder.cleanup()
        assert statuses == [0] * len(statuses), f"the issuers ended with {statuses}"

    def setUp(self):
        self.issuer.call("/fault", {"kind": "none"})
        self.issuer.call("/stats/reset", {})
        self.issuer.call("/settings", {"token_lifetime": 0, "refresh_in": 0, "token_version": 0, "expires_in_form": "usual",
                                       "expires_on_form": "usual"})

    @classmethod
    def another(cls, *options, tls=False):
        issuer = Issuer(cls.command, cls.folder.name, *options, tls=tls)
        cls.others.append(issuer)
        return issuer

    def register(self, **app):
        return self.issuer.call("/apps", app)

    def send(self, method, path, body=None, headers=None, issuer=None):
        """One request on one connection, byte by byte what is said here: a list of headers may name one twice."""
        at = issuer or self.issuer
        address = at.base.split("://")[1]
        connection = (http.client.HTTPSConnection(address, timeout=SECONDS, context=at.context) if at.context
                      else http.client.HTTPConnection(address, timeout=SECONDS))
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers or []:
                connection.putheader(name, value)
            data = b"" if body is None else body.encode()
            if body is not None or method == "POST":
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def post(self, path, form, headers=None, issuer=None):
        body = form if isinstance(form, str) else urllib.parse.urlencode(form)
        return self.send("POST", path, body, [("Content-Type", FORM), *(headers or [])], issuer)

    def get(self, path, query, headers=None):
        return self.send("GET", f"{path}?{urllib.parse.urlencode(query)}", headers=headers or [])

    def last_request(self):
        return json.loads(self.issuer.call("/requests"))[-1]

    def fault(self, kind, target="token", value=-1, count=1):
        self.issuer.call("/fault", {"target": target, "kind": kind, "value": value, "count": count})
