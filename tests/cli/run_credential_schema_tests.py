#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/credential.schema.json against the library, through credential_reader: run_credential_schema_tests.py READER [TEST…]

What the library accepts is valid by the schema, and what it refuses is not, unless the file system or a URL's host decides; each has the members of the other.
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest

from json_schema import Schema, parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
READER = ""
A = "11111111-aaaa-4aaa-8aaa-111111111111"
INNER = {"kind": "managed-identity"}
GOOD = {  # a value for each member, and another one of its type
    "from_environment": [False],
    "members": [[INNER], [{"kind": "google"}, {"kind": "chain", "members": [INNER]}]],
    "tenant": [A, "contoso.example"],
    "additional_tenants": ["*", ["fabrikam.example", "*"], []],
    "client_id": [A, "orders ü"],
    "authority": ["https://login.microsoftonline.us", "https://login.example/", "http://127.0.0.1:8080"],
    "token_file": ["/t", "t"],
    "certificate_file": ["c.pem"],
    "key_file": ["pkcs11:object=k"],
    "signing_algorithm": ["PS256"],
    "signing_key_id": ["k-1"],
    "send_certificate_chain": [True, False],
    "source": [{"credential": INNER}, {"credential": INNER, "scope": "api://x"}],
    "token_proxy": [{}, {"url": "https://p.example/a@b"}, {"url": "https://p.example", "tls_name": "q.example", "ca_file": "c"}],
    "token_proxy_mode": ["automatic", "on", "off"],
    "identity_client_id": [A],
    "identity_object_id": [A],
    "identity_resource_id": ["/subscriptions/1"],
    "token_endpoint": ["https://login.example/token"],
    "client_method": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    "assertion_audience": ["https://login.example"],
    "audiences": ["a", [], ["a", "b"], ["a"] * 16],
    "resources": ["https://a.example", ["https://a.example"]],
    "subject_token_type": ["urn:ietf:params:oauth:token-type:jwt"],
    "requested_token_type": ["urn:ietf:params:oauth:token-type:jwt"],
    "actor_token_file": ["/a"],
    "actor_token_type": ["urn:ietf:params:oauth:token-type:jwt"],
    "service_account": ["orders@project.iam.gserviceaccount.com", "https://iam.example/x:generateAccessToken"],
    "wait_for_propagation": [True],
    "allow_loopback_http": [True],
}
FILES = {"secret_file", "passphrase_file", "cache_directory"}  # members that are read at once
VALUES = [None, True, 7, 1.5, "", "x", "/x", "a\nb", "a\u007f", "..", "a..b", "-a", "x" * 254, "common", "Organizations", "*", "on", "none",
          "x@y", "X Y", "https://b.example", "https://b.example/p", "https://b.example?q", "https://u@b.example", "http://b.example", "ftp://b",
          "HTTPS://b.example", [], [1], ["x"], ["x", ""], ["*"], ["x"] * 17, ["a\tb"], {}, {"x": 1}, [{}], [INNER], [INNER] * 17, {"url": 1},
          {"url": "https://p.example/p"}, {"url": "https://p.example?q"}, {"url": "http://p.example"}, {"tls_name": "p.example"},
          {"url": "https://p.example", "ca_pem": "x"}, {"credential": INNER}, {"credential": {}}, {"credential": 1}, {"scope": "x"},
          {"credential": INNER, "scope": 1}, {"credential": INNER, "scope": ""}, {"credential": INNER, "scopes": "x"}]


def nested(depth, container):
    """A credential with @p depth others one in the other."""
    found = INNER
    for _ in range(depth):
        found = {"kind": "chain", "members": [found]} if container == "members" else {"kind": "federated", "source": {"credential": found}}
    return found


def kinds_in(value):
    """The kinds of a credential and of those in it."""
    inner = [*value.get("members", []), *([value["source"]["credential"]] if "source" in value else [])]
    return {value["kind"]}.union(*map(kinds_in, inner))


class CredentialSchemaTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = json.loads((ROOT / "docs/credential.schema.json").read_text())
        cls.schema = Schema(cls.document)
        cls.properties = cls.document["$defs"]["credential"]["properties"]
        cls.kinds = cls.properties["kind"]["enum"]
        cls.allowed = {}  # kind: its members, by the schema
        for rule in cls.document["$defs"]["credential"]["allOf"]:
            if "kind" in rule.get("if", {}).get("properties", {}):
                cls.allowed[rule["if"]["properties"]["kind"]["const"]] = rule["then"]["propertyNames"]["enum"]
        cls.reader = subprocess.Popen([READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @classmethod
    def tearDownClass(cls):
        cls.reader.stdin.close()
        status = cls.reader.wait(60)
        cls.reader.stdout.close()
        if status != 0:
            raise AssertionError(f"the reader ended with {status}")

    def load(self, text):
        """Code and message of the library."""
        data = text if isinstance(text, bytes) else text.encode()
        self.reader.stdin.write(b"%d\n%s" % (len(data), data))
        self.reader.stdin.flush()
        code, _, message = self.reader.stdout.readline().decode().rstrip("\n").partition(" ")
        self.assertTrue(code.startswith("ASSAY_"), "the reader ended")
        return code.removeprefix("ASSAY_").removeprefix("E_"), message

    def agree(self, text):
        """Both judge alike, as far as a schema can. Returns code and message of the library."""
        text = text if isinstance(text, (str, bytes)) else json.dumps(text)
        code, message = self.load(text)
        document = parse(text)
        valid = document is not None and self.schema.accepts(document)
        if code == "OK":
            self.assertTrue(valid, f"accepted, but not valid: {text}")
            self.assertTrue(self.schema.accepts(json.loads(message), self.document["$defs"]["description"]), message)
        # The library alone knows which hosts are on loopback, what is a host's name, and what files hold.
        elif code == "CONFIG_MEMBER" or not (code == "CONFIG_URL" or "host name" in message or any(name in str(text) for name in FILES)):
            self.assertFalse(valid, f"valid, but refused with {code}: {message}: {text}")
        return code, message

    def base(self, kind):
        return {"kind": kind, **({"members": [INNER]} if kind == "chain" else {})}

    def test_members_of_the_source(self):
        """The rows of lib/flow/credential_json.c, and the kinds of lib/acquire/settings.c."""
        source = (ROOT / "lib/flow/credential_json.c").read_text()
        table = re.search(r"rows\[\] = \{\n(.*?)\n\};", source, re.S).group(1)
        rows = set(re.findall(r'^    (?:\{|TEXT\(|FLAG\()"(\w+)"', table, re.M))
        self.assertEqual(set(self.properties), rows | {"kind", "members"})
        table = re.search(r"names\[ASSAY_CREDENTIAL_KINDS\] = \{\n(.*?)\n\};", (ROOT / "lib/acquire/settings.c").read_text(), re.S).group(1)
        self.assertEqual(self.kinds, re.findall(r'"([\w-]+)"', table))
        self.assertEqual(set(self.allowed), set(self.kinds))
        self.assertEqual(set(GOOD) | FILES | {"kind"}, set(self.properties))

    def test_descriptions_of_the_source(self):
        """What lib/flow/credential_describe.c writes; the values are judged wherever a document is accepted."""
        source = (ROOT / "lib/flow/credential_describe.c").read_text()
        written = set(re.findall(r'put_(?:text|seconds)\(&?out, "(\w+)"', source) + re.findall(r'\\"(\w+)\\":', source))
        shape = self.document["$defs"]["description"]["properties"]
        self.assertEqual(written, {*shape, *shape["skipped"]["items"]["properties"], *shape["tokens"]["items"]["properties"]})

    def test_each_kind_has_its_members_and_no_others(self):
        for kind in self.kinds:
            for name in set(self.properties) - FILES - {"kind"}:
                with self.subTest(f"{kind} {name}"):
                    for value in GOOD[name]:
                        code, message = self.agree({**self.base(kind), name: value})
                        self.assertEqual(code, "OK" if name in self.allowed[kind] else "CONFIG_MEMBER", message)
            for name in FILES:
                with self.subTest(f"{kind} {name}"):
                    code, message = self.agree({**self.base(kind), name: "/no/such/file"})
                    self.assertEqual(code == "CONFIG_MEMBER", name not in self.allowed[kind], message)
            self.assertIn("bogus", self.agree({**self.base(kind), "bogus": 1})[1])

    def test_every_value_of_every_member(self):
        for name in set(self.properties) - {"kind"}:
            kind = next(each for each in self.kinds if name in self.allowed[each])
            for value in VALUES:
                if name != "cache_directory" or not isinstance(value, str):  # a folder would be made
                    with self.subTest(f"{name} {str(value)[:60]}"):
                        self.agree({**self.base(kind), name: value})

    def test_all_members_of_a_kind_at_once(self):
        for kind in self.kinds:
            for without in ("source", "token_file"):
                document = self.base(kind) | {name: GOOD[name][-1] for name in self.allowed[kind] if name in GOOD and name != without}
                for name in ("identity_client_id", "identity_object_id"):
                    document.pop(name, None)
                with self.subTest(kind):
                    self.assertEqual(self.agree(document)[0], "OK")

    def test_kinds(self):
        for kind in [None, 1, "", "Google", "workload", "chains", *self.kinds]:
            self.assertEqual(self.agree({**self.base("chain" if kind == "chain" else "google"), "kind": kind})[0] == "OK", kind in self.kinds)
        for text in ("{}", "[]", "1", "null", '"google"', "", "{", '{"kind":"google","kind":"google"}', '\ufeff{"kind":"google"}'):
            self.agree(text)

    def test_members_that_exclude_one_another(self):
        names = ("identity_client_id", "identity_object_id", "identity_resource_id")
        for left in names:
            for right in names:
                code, _ = self.agree({"kind": "managed-identity", left: "/a", right: "/b"})
                self.assertEqual(code == "OK", left == right)
        for kind in ("token-exchange", "google"):
            self.assertIn("not both", self.agree({"kind": kind, "token_file": "/t", "source": {"credential": INNER}})[1])

    def test_depth(self):
        for container in ("members", "source"):
            for depth in range(6):
                self.assertEqual(self.agree(nested(depth, container))[0] == "OK", depth < 4)
            self.agree({"kind": "chain", "members": [INNER, nested(2, container), {"kind": "google", "bogus": 1}]})
            self.agree({"kind": "chain", "members": [INNER, nested(3, container)]})
        deep = nested(3, "source")
        deep["source"]["credential"]["source"]["credential"]["tenant"] = 1
        self.assertEqual(self.agree(deep)[0], "CONFIG_MEMBER")

    def test_examples_of_the_documents(self):
        kinds = set()
        for path in sorted((ROOT / "docs").rglob("*.md")):
            for block in re.findall(r"^```json\n(.*?)^```", path.read_text(), re.M | re.S):
                if '"kind": "' in block and '"apiVersion"' not in block and parse(block).get("kind") in self.kinds:
                    with self.subTest(f"{path.name}: {block[:200]}"):
                        self.assertEqual(self.agree(block)[0], "OK")
                        kinds |= kinds_in(parse(block))
        self.assertEqual(kinds, set(self.kinds), "each kind has an example")

    def test_table_of_the_document(self):
        text = (ROOT / "docs/configuration.md").read_text()
        table = {kind: re.findall(r"`(\w+)`", members) for kind, members in re.findall(r"^\| `([\w-]+)` \| ((?:`\w+`(?:, )?)+) \|$", text, re.M)}
        of_all = {"kind", "allow_loopback_http", "cache_directory"}
        for kind in self.kinds:
            with self.subTest(kind):
                self.assertEqual(sorted(table[kind]), sorted(set(self.allowed[kind]) - (of_all if kind != "chain" else {"kind"})))

    def test_corpus_of_the_fuzzer(self):
        paths = [path for path in (ROOT / "tests/fuzz/corpus/credential").iterdir() if path.name.startswith("json_")]
        self.assertGreater(len(paths), 10)
        for path in sorted(paths):
            with self.subTest(path.name):
                self.agree(path.read_bytes().partition(b"\n")[2])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    READER = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
