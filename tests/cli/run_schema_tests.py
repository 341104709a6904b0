#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/configuration.schema.json against the library, through assay verify --config: run_schema_tests.py COMMAND [TEST…]

What the library accepts is valid by the schema, and what it refuses for a member's name or type is not; each has the members of the other.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from json_schema import Schema, parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ""
SECONDS = 60
A = "11111111-aaaa-4aaa-8aaa-111111111111"
BASES = {  # one issuer of each kind that has members of its own
    "generic": {"issuer": "https://a.example", "audiences": "a"},
    "entra": {"profile": "entra", "audiences": "a", "tenants": [A]},
    "entra-b2c": {"profile": "entra-b2c", "audiences": "a", "issuer": f"https://c.b2clogin.com/{A}/v2.0/", "policy": "p"},
    "entra-external-id": {"profile": "entra-external-id", "audiences": "a", "tenant": A},
}
VALUES = [True, 7, 1.5, "", "x", "/x", "https://b.example", A, [], [1], [1, 2], ["x"], [A], {}, {"x": 1}, {"/x": "y"}, [{}],
          [{"tenant": A, "object_id": A}], [{"tenant": A, "client_id": A, "object_id": A}]]


class SchemaTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = json.loads((ROOT / "docs/configuration.schema.json").read_text())
        cls.schema = Schema(cls.document)
        cls.issuer_members = set(cls.document["$defs"]["issuer"]["properties"])
        cls.runtime_members = set(cls.document["$defs"]["runtime"]["properties"])
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = pathlib.Path(cls.folder.name) / "configuration.json"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def load(self, text):
        """Code and message of the library; None where it accepts the document."""
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = subprocess.run([COMMAND, "verify", "--json", "--config", str(self.file)], input=b"e30.e30.AAAA",
                              capture_output=True, timeout=SECONDS)
        self.assertIn(done.returncode, (1, 2, 3), done.stderr)
        verdict = json.loads(done.stdout)
        if done.returncode == 1:  # it came to the token
            return None, ""
        return verdict["code"].removeprefix("ASSAY_E_"), verdict["message"]

    def agree(self, text):
        """Both judge alike, as far as shapes go. Returns code and message of the library."""
        code, message = self.load(text)
        document = parse(text)
        valid = document is not None and self.schema.accepts(document)
        if code is None:
            self.assertTrue(valid, f"accepted, but not valid: {text}")
        if code == "CONFIG_MEMBER":
            self.assertFalse(valid, f"valid, but refused: {message}: {text}")
        return code, message

    def issuer(self, base, **members):
        return self.agree(json.dumps({"issuers": [{**BASES[base], **members}]}))

    def test_members_of_the_source(self):
        """The rows of the tables in lib/flow."""
        def rows(file):
            tables = re.findall(r"rows\[\] = \{\n(.*?)\n\};", (ROOT / "lib/flow" / file).read_text(), re.S)
            return {name for table in tables for name in re.findall(r'^    \{"(\w+)"', table, re.M)}

        self.assertEqual(self.runtime_members, rows("config.c"))
        self.assertEqual(self.issuer_members, rows("config_issuer.c") | rows("config_entra.c"))

    def test_every_member_is_known_and_typed(self):
        for name in self.issuer_members:
            with self.subTest(name):
                said = {base: self.issuer(base, **{name: None}) for base in BASES}
                self.assertEqual({code for code, _ in said.values()}, {"CONFIG_MEMBER"}, said)
                self.assertFalse([message for _, message in said.values() if "has no member" in message], said)
                base = next(base for base in BASES if "needs the profile" not in said[base][1])
                for value in VALUES:
                    self.issuer(base, **{name: value})
        for name in self.runtime_members:
            with self.subTest(name):
                for value in [None, *VALUES]:
                    code, message = self.agree(json.dumps({"runtime": {name: value}, "issuers": [BASES["generic"]]}))
                    self.assertNotIn("has no member", message)
                    self.assertTrue(code == "CONFIG_MEMBER" or value is not None)

    def test_no_other_members(self):
        for text in ({"issuers": [BASES["generic"]], "bogus": 1}, {"runtime": {"bogus": 1}, "issuers": [BASES["generic"]]}):
            self.assertIn('has no member "bogus"', self.agree(json.dumps(text))[1])
        for base in BASES:
            self.assertIn('has no member "bogus"', self.issuer(base, bogus=1)[1])
        self.assertIn('has no member "bogus"', self.issuer("entra", callers=[{"tenant": A, "object_id": A, "bogus": 1}])[1])

    def test_every_profile(self):
        for profile in self.document["$defs"]["issuer"]["properties"]["profile"]["enum"]:
            with self.subTest(profile):
                base = BASES.get(profile, {**BASES["generic"], "profile": profile})
                self.assertEqual(self.agree(json.dumps({"issuers": [base]})), (None, ""))
                without = {name: value for name, value in base.items() if name != "issuer"}
                code, _ = self.agree(json.dumps({"issuers": [without]}))
                self.assertEqual(code is None, profile in ("github", "gitlab", "google", "entra", "entra-external-id"))

    def test_combinations(self):
        url = f"https://login.microsoftonline.com/{A}/v2.0"
        for members in ({"issuer": url}, {"issuer": url, "cloud": "public"}, {"cloud": "china"}, {"cloud": "mars"},
                        {"versions": [2]}, {"versions": [2, 2]}, {"versions": [2, 1]}, {"versions": [3]},
                        {"tenants": "common"}, {"tenants": "consumers"}, {"tenants": ["consumers"]}, {"tenants": ["common"]},
                        {"application_keys": A}, {"callers": [{"tenant": A, "client_id": A}]}, {"callers": [{"tenant": A}]},
                        {"algorithms": "RS256"}, {"algorithms": ["none"]}, {"leeway": 300}, {"leeway": 301},
                        {"discovery": "oauth", "jwks_uri": url}, {"jwks": {}, "discovery_url": url}):
            with self.subTest(members):
                self.issuer("entra", **members)
        self.agree(json.dumps({"issuers": [{"profile": "entra", "audiences": "a", "issuer": url}]}))
        self.agree(json.dumps({"issuers": [{"profile": "entra", "audiences": "a"}]}))
        host = "https://login.microsoftonline.com"
        for url in (host, host + "/", host + "/organizations/v2.0", host + "?organizations/v2.0", host + "#common/v2.0",
                    host + f"/{A}/v2.0/", host + f"/{A}/v2.0?x", host.upper() + f"/{A}/v2.0", host + "//v2.0", "/v2.0",
                    f"http://127.0.0.1/{A}/v2.0"):
            for base in ("entra", "entra-b2c"):
                with self.subTest(f"{base} {url}"):
                    self.issuer(base, issuer=url)
                    self.issuer(base, issuer=url, allow_loopback_http=True)
            with self.subTest(url):
                self.issuer("entra", cloud=url)
                self.issuer("entra-external-id", authority=url)
                self.issuer("generic", discovery_url=url)
                self.agree(json.dumps({"runtime": {"proxy": url}, "issuers": [BASES["generic"]]}))

    def test_examples_of_the_documents(self):
        count = 0
        for path in sorted((ROOT / "docs").rglob("*.md")):
            for block in re.findall(r"^```json\n(.*?)^```", path.read_text(), re.M | re.S):
                if '"issuers"' in block:
                    with self.subTest(f"{path.name}: {block[:200]}"):
                        self.assertTrue(self.schema.accepts(parse(block)))
                        self.assertIn(self.agree(block)[0], (None, "CONFIG_CA"))  # CA files of other machines
                        count += 1
        self.assertGreaterEqual(count, 4)

    def test_corpus_of_the_fuzzer(self):
        paths = sorted((ROOT / "tests/fuzz/corpus/config").iterdir())
        self.assertGreater(len(paths), 20)
        for path in paths:
            with self.subTest(path.name):
                self.agree(path.read_bytes())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
