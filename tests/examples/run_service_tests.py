#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A service of the examples, against development issuers over TLS on loopback: run_service_tests.py COMMAND PROGRAM [TEST…]

Each route gets each kind of token: what is answered is told by status and challenge, and why by the log.
"""

import concurrent.futures
import http.client
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from dev_issuer import SECONDS, Issuer  # noqa: E402
from example_server import Server, until  # noqa: E402

COMMAND = PROGRAM = ""
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
OTHER = "bbbbcccc-1111-dddd-2222-eeee3333ffff"
THIRD = "ccccdddd-2222-eeee-3333-ffff4444aaaa"
USER = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"
APPLICATION = "bbbbbbbb-1111-2222-3333-cccccccccccc"
NEIGHBOUR = "cccccccc-3333-4444-5555-dddddddddddd"


def described(error, text):
    return f'Bearer error="{error}", error_description="{text}"'


def token(text):
    return 401, described("invalid_token", text)


def refused(text):
    return 403, described("insufficient_scope", text)


BARE = 401, "Bearer"
MALFORMED = 400, described("invalid_request", "the Authorization header is malformed")
NO_SCOPE = refused("the token lacks a demanded scope")
NO_ROLE = refused("the token lacks a demanded role")
GUEST = refused("the caller is a guest of the tenant, or the token does not tell")
NOT_LISTED = refused("the caller is not one of those allowed")
NO_CONTEXT = refused("the token lacks a demanded authentication context")
ID_TOKEN = token("this is an ID token where an access token is expected")
GRAPH = token("the token is for Microsoft Graph, and nobody else can verify it")
KEY_UNKNOWN = token("the issuer has no such key")
KEY_CLOUD = token("the key of the token belongs to another cloud")
TENANT_ID = token("the tid of the token is missing, malformed or not the tenant of its iss")
NO_TENANT = token("the token is of a tenant that is not accepted")
EXPIRED = token("the token has expired")
SIGNATURE = token("the signature of the token is wrong")
AUDIENCE = token("the token is meant for another audience")
EXCHANGE = token("the token is a credential for Entra and must not be sent to a service")
VALUE = token("a claim has not the demanded value")
UNPROVEN = token("the token is bound to a key, and nothing proves that the caller has it")
NO_PERMISSION = token("the token grants neither a scope nor a role")
OK = 200, None
CREATED = 201, None


class Service(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.tokens = []
        self.issuer = self.start_issuer()
        self.server = Server(PROGRAM, self.folder, *self.arguments())
        self.addCleanup(self.end)

    def start_issuer(self, *options):
        issuer = Issuer(COMMAND, self.folder, "--audience", CLIENT_ID, *options)
        self.addCleanup(issuer.stop)
        return issuer

    def end(self):
        status = self.server.stop()
        log = self.server.log.read_text(errors="replace") + self.server.said.decode()
        self.assertEqual(status, 0, log)
        for each in self.tokens:  # no token is printed, not even its parts
            self.assertFalse([part for part in each.split(".")[1:] if part and part in log])
        self.assertNotIn("Sanitizer", log)
        self.assertNotIn("runtime error", log)

    def mint(self, issuer=None, **members):
        made = (issuer or self.issuer).call("/mint", members)
        self.tokens.append(made)
        return made

    def ask(self, method, path, *authorizations, body=None):
        """Status, challenge, Retry-After and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        try:
            connection.putrequest(method, path)
            for authorization in authorizations:
                connection.putheader("Authorization", authorization)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, answer.getheader("WWW-Authenticate"), answer.getheader("Retry-After"), text
        finally:
            connection.close()

    def expect(self, wanted, method, path, bearer, body=None):
        """The text."""
        status, challenge, retry, text = self.ask(method, path, f"Bearer {bearer}", body=body)
        self.assertEqual((status, challenge, retry), (*wanted, None), f"{method} {path}")
        if status >= 400 and challenge is not None:
            self.assertEqual(text, "", "a client learns no more than the challenge")
        return text

    def matrix(self, routes, rows):
        """Each kind of token on each route; one answer instead of a list stands for all of them."""
        for name, (members, wanted) in rows.items():
            bearer = self.mint(**members)
            for i, (method, path) in enumerate(routes):
                with self.subTest(f"{name} {method} {path}"):
                    self.expect(wanted[i] if isinstance(wanted, list) else wanted, method, path, bearer)


class ServiceTests:
    """What holds for every service."""

    def good(self, **members):
        """A token that the first route accepts."""
        return self.mint(**members)

    def test_ready(self):
        self.assertEqual(self.ask("GET", "/healthz"), (200, None, None, "ready\n"))

    def test_credentials(self):
        method, path = self.ROUTES[0]
        good = f"Bearer {self.good()}"
        for wanted, *authorizations in (
                (OK, good), (BARE,), (BARE, "Basic YTpi"), (MALFORMED, "Bearer"), (MALFORMED, good + " x"),
                ((400, None), good, good), (token("the token is not a JWT in compact form"), "Bearer abc"),
                (SIGNATURE, f"Bearer {self.good(forge='signature')}")):
            self.assertEqual(self.ask(method, path, *authorizations)[:2], wanted, authorizations)

    def test_nothing_else_is_served(self):
        good = self.good()
        for method, path in (("GET", "/"), ("DELETE", self.ROUTES[0][1]), ("GET", self.ROUTES[0][1] + "/")):
            self.expect((404, None), method, path, good)

    def test_long_body(self):
        self.expect((413, None), *self.ROUTES[0], self.good(), body=b"x" * 1025)
        self.expect(OK, *self.ROUTES[0], self.good(), body=b"x" * 1024)

    def test_many_at_once(self):
        method, path = self.ROUTES[0]
        cases = [(OK, f"Bearer {self.good()}"), (SIGNATURE, f"Bearer {self.good(forge='signature')}"), (BARE, "Basic YTpi")]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda case: self.ask(method, path, case[1])[:2], cases * 100))
        self.assertEqual(answers, [wanted for wanted, _ in cases] * 100)

    def test_rotation(self):
        old = self.good()
        self.issuer.call("/rotate", {"drop_old": True})
        self.expect(OK, *self.ROUTES[0], self.good())
        self.expect(OK, *self.ROUTES[0], old)

    def test_issuer_is_down_at_the_start(self):
        good = self.good()
        self.end()
        self.issuer.call("/fault", {"kind": "status", "value": 500})
        self.server = Server(PROGRAM, self.folder, *self.arguments())
        self.assertEqual(self.ask("GET", "/healthz")[0], 503)
        status, challenge, retry, text = self.ask(*self.ROUTES[0], f"Bearer {good}")
        self.assertEqual((status, challenge, text), (503, None, ""))
        self.assertGreater(int(retry), 0)
        self.assertIn("ASSAY_E_KEYS_UNAVAILABLE", self.server.log.read_text())
        self.issuer.call("/fault", {"kind": "none"})
        until("ready", lambda: self.ask("GET", "/healthz")[0] == 200)  # the refresh thread tries again
        self.expect(OK, *self.ROUTES[0], good)

    def test_issuer_stops(self):
        good = self.good()
        self.assertEqual(self.issuer.stop(), 0)
        self.expect(OK, *self.ROUTES[0], good)

    def test_usage(self):
        self.server.stop()
        with self.assertRaisesRegex(AssertionError, "usage: "):
            Server(PROGRAM, self.folder, "--port", "0")


class EntraService(ServiceTests, Service):
    ROUTES = (("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/admin"), ("GET", "/internal"))

    def start_issuer(self):
        return super().start_issuer("--entra")

    def arguments(self):
        return [CLIENT_ID, TENANT, "--caller", NEIGHBOUR, "--dev-issuer", self.issuer.base, "--ca-file", self.issuer.ca]

    def good(self, **members):
        return self.mint(entra="user", claims={"scp": "Profile Tasks.Read"}, **members)

    def kinds(self, version):
        """Members of a token, and what each route answers."""
        def made(entra, claims=None, **members):
            return {"entra": entra, "version": version, "claims": claims or {}, **members}

        reader = {"scp": "Profile Tasks.Read"}
        admin = {"roles": ["Admin"], "acct": 0}
        every = {"roles": ["Tasks.Read.All", "Task.Editor", "Admin"]}
        reads = [OK, NO_ROLE, GUEST, NOT_LISTED]
        fails = [NO_SCOPE, NO_ROLE, GUEST, NOT_LISTED]
        return {
            "user": (made("user", reader), reads),
            "user without the scope": (made("user"), fails),
            "scope that begins alike": (made("user", {"scp": "Tasks.Read.All tasks.read"}), fails),
            "user-roles": (made("user-roles", {"roles": ["Task.Editor"]}), [NO_SCOPE, CREATED, GUEST, NOT_LISTED]),
            "user with a role of applications": (made("user-roles", {"roles": ["Tasks.Read.All"]}), fails),
            "admin": (made("user-roles", admin), [NO_SCOPE, NO_ROLE, NO_CONTEXT, NOT_LISTED]),
            "admin with the context": (made("user-roles", {**admin, "acrs": ["c1"]}), [NO_SCOPE, NO_ROLE, OK, NOT_LISTED]),
            "another context": (made("user-roles", {**admin, "acrs": ["c2"]}), [NO_SCOPE, NO_ROLE, NO_CONTEXT, NOT_LISTED]),
            "admin who is a guest": (made("guest", {**reader, "roles": ["Admin"], "acrs": ["c1"]}), reads),
            "guest": (made("guest", reader), reads),
            "daemon": (made("daemon", every), [OK, NO_ROLE, NO_ROLE, NOT_LISTED]),
            "daemon-no-idtyp": (made("daemon-no-idtyp", every), [OK, NO_ROLE, NO_ROLE, NOT_LISTED]),
            "daemon with another role": (made("daemon"), [NO_ROLE, NO_ROLE, NO_ROLE, NOT_LISTED]),
            "daemon without roles": (made("daemon-no-roles"), NO_PERMISSION),
            "managed identity on the list": (made("managed-identity", object_id=NEIGHBOUR), [NO_ROLE, NO_ROLE, NO_ROLE, OK]),
            "managed identity that is not": (made("managed-identity"), NO_PERMISSION),
            "managed identity with a role": (made("managed-identity", {"roles": ["Tasks.Read.All"]}), [OK, NO_ROLE, NO_ROLE, NOT_LISTED]),
            "the same object of another tenant": (made("managed-identity", object_id=NEIGHBOUR, tenant=OTHER), NO_TENANT),
            "b04 bound token as bearer": (made("bound", every), UNPROVEN),
            "agent": (made("agent"), NO_PERMISSION),
            "id-token": (made("id-token", every), ID_TOKEN),
            "graph": (made("graph", reader), GRAPH),
            "overage": (made("overage", reader), reads),
            "consumer-key": (made("user", reader, forge="consumer-key"), KEY_UNKNOWN),  # the tenant's endpoint has none
            "gov-key": (made("user", reader, forge="gov-key"), KEY_CLOUD),
            "custom-key": (made("user", reader, forge="custom-key"), KEY_UNKNOWN),
            "wrong-tenant": (made("user", reader, forge="wrong-tenant"), TENANT_ID),
            "another tenant": (made("user", reader, tenant=OTHER), NO_TENANT),
            "expired": (made("user", reader, forge="expired"), EXPIRED),
            "another audience": (made("user", reader, forge="audience"), AUDIENCE),
        }

    def test_each_route_and_kind_of_version_2(self):
        self.matrix(self.ROUTES, self.kinds(2))
        self.assertEqual(self.issuer.stats()["other"], 0, "no source of a token was asked for its groups")

    def test_each_route_and_kind_of_version_1(self):
        self.matrix(self.ROUTES, self.kinds(1))

    def test_consumers(self):
        self.expect(NO_TENANT, *self.ROUTES[0], self.mint(entra="consumer", claims={"scp": "Tasks.Read"}))

    def test_claims_challenge(self):
        bearer = self.mint(entra="user-roles", claims={"roles": ["Admin"], "acct": 0, "xms_cc": ["CP1"]})
        self.expect((401, f'Bearer realm="", authorization_uri="{self.issuer.base}/common/oauth2/authorize", '
                          'error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUs'
                          'InZhbHVlIjoiYzEifX19"'), "GET", "/admin", bearer)

    def test_identity(self):
        for version in (1, 2):
            text = self.expect(OK, *self.ROUTES[0], self.good(version=version))
            self.assertEqual(text, f"tasks for user entra|{TENANT}|{USER}\n")
            daemon = self.mint(entra="daemon", version=version, claims={"roles": ["Tasks.Read.All"]})
            self.assertEqual(self.expect(OK, *self.ROUTES[0], daemon), f"tasks for application entra|{TENANT}|{APPLICATION}\n")
            neighbour = self.mint(entra="managed-identity", version=version, object_id=NEIGHBOUR)
            text = self.expect(OK, "GET", "/internal", neighbour)
            self.assertEqual(text, f"internals for managed identity entra|{TENANT}|{NEIGHBOUR}\n")

    def test_the_reason_is_logged(self):
        self.expect(GUEST, "GET", "/admin", self.mint(entra="guest"))
        self.expect(NO_ROLE, "POST", "/tasks", self.mint(entra="daemon", claims={"roles": ["Task.Editor"]}))
        log = self.server.log.read_text()
        self.assertIn('/admin: 403 ASSAY_E_GUEST: ', log)
        self.assertIn("the token is an application's, and the role is demanded of users", log)


class MultiTenantService(ServiceTests, Service):
    ROUTES = (("GET", "/notes"), ("POST", "/notes"))
    STRANGER = 403, None

    def start_issuer(self):
        return super().start_issuer("--entra")

    def arguments(self):
        self.register(TENANT, OTHER)
        return [CLIENT_ID, str(self.tenants), "--dev-issuer", self.issuer.base, "--ca-file", self.issuer.ca]

    def register(self, *tenants):
        self.tenants = pathlib.Path(self.folder) / "tenants"
        aside = pathlib.Path(self.folder) / "aside"
        aside.write_text("".join(f"{tenant}\n" for tenant in tenants))
        aside.rename(self.tenants)

    def good(self, **members):
        return self.mint(entra="user", claims={"scp": "Notes.ReadWrite"}, **members)

    def test_each_route_and_kind(self):
        scope = {"scp": "Notes.ReadWrite"}
        for version in (1, 2):
            self.matrix(self.ROUTES, {
                "user": ({"version": version, "claims": scope}, [OK, CREATED]),
                "user of another customer": ({"version": version, "claims": scope, "tenant": OTHER}, [OK, CREATED]),
                "user of nobody's": ({"version": version, "claims": scope, "tenant": THIRD}, self.STRANGER),
                "without the scope": ({"version": version}, NO_SCOPE),
                "without the scope, of nobody's": ({"version": version, "tenant": THIRD}, NO_SCOPE),
                "daemon": ({"version": version, "entra": "daemon"}, NO_SCOPE),
                "daemon-no-idtyp": ({"version": version, "entra": "daemon-no-idtyp"}, NO_SCOPE),
                "managed-identity": ({"version": version, "entra": "managed-identity"}, NO_PERMISSION),
                "guest": ({"version": version, "entra": "guest", "claims": scope}, [OK, CREATED]),
                "id-token": ({"version": version, "entra": "id-token"}, ID_TOKEN),
                "graph": ({"version": version, "entra": "graph", "claims": scope}, GRAPH),
                "overage": ({"version": version, "entra": "overage", "claims": scope}, [OK, CREATED]),
                "consumer-key": ({"version": version, "forge": "consumer-key"}, KEY_UNKNOWN),
                "gov-key": ({"version": version, "forge": "gov-key"}, KEY_CLOUD),
                "wrong-tenant": ({"version": version, "forge": "wrong-tenant"}, TENANT_ID),
                "expired": ({"version": version, "forge": "expired"}, EXPIRED),
            })
        self.expect(NO_TENANT, *self.ROUTES[0], self.mint(entra="consumer", claims=scope))

    def test_one_source_of_keys(self):
        before = self.issuer.stats()
        for tenant in (TENANT, OTHER, THIRD):
            for version in (1, 2):
                self.ask(*self.ROUTES[0], f"Bearer {self.good(tenant=tenant, version=version)}")
        after = self.issuer.stats()
        self.assertEqual([after[name] - before[name] for name in ("metadata", "jwks")], [0, 0])

    def test_each_tenant_sees_its_own(self):
        somebody = self.good(object_id=NEIGHBOUR)
        self.expect(CREATED, "POST", "/notes", self.good(), body=b"water the plants")
        self.expect(CREATED, "POST", "/notes", self.good(version=1), body=b"order paper")
        self.expect(CREATED, "POST", "/notes", somebody, body=b"lock the door")
        # The same object id in another tenant is somebody else.
        self.expect(CREATED, "POST", "/notes", self.good(tenant=OTHER), body=b"a secret")
        self.assertEqual(self.expect(OK, "GET", "/notes", self.good()),
                         "you: water the plants\nyou: order paper\na colleague: lock the door\n")
        self.assertEqual(self.expect(OK, "GET", "/notes", somebody),
                         "a colleague: water the plants\na colleague: order paper\nyou: lock the door\n")
        self.assertEqual(self.expect(OK, "GET", "/notes", self.good(tenant=OTHER)), "you: a secret\n")

    def test_nobody_writes_in_another_name(self):
        self.expect(CREATED, "POST", "/notes", self.good(), body=b"hello\nyou: pay me")
        self.assertEqual(self.expect(OK, "GET", "/notes", self.good(object_id=NEIGHBOUR)), "a colleague: hello\n")

    def test_an_address_is_no_identity(self):
        self.expect(CREATED, "POST", "/notes", self.good(), body=b"a secret")
        pretender = {"scp": "Notes.ReadWrite", "email": "alice@contoso.example", "preferred_username": "alice@contoso.example"}
        stranger = self.mint(entra="user", tenant=OTHER, object_id=NEIGHBOUR, claims=pretender)
        self.assertEqual(self.expect(OK, "GET", "/notes", stranger), "")

    def test_registration_takes_effect_at_once(self):
        bearer = self.good(tenant=THIRD)
        self.assertEqual(self.expect(self.STRANGER, "GET", "/notes", bearer), "this organisation is not registered\n")
        self.register(TENANT, THIRD)
        self.expect(OK, "GET", "/notes", bearer)
        self.expect(self.STRANGER, "GET", "/notes", self.good(tenant=OTHER))
        self.tenants.unlink()
        self.expect(self.STRANGER, "GET", "/notes", bearer)


class KubernetesService(ServiceTests, Service):
    ROUTES = (("GET", "/whoami"), ("GET", "/reports"), ("POST", "/deployments"))
    PATH = "/11111111-2222-3333-4444-555555555555/cluster/"

    def start_issuer(self):
        self.jobs = super().start_issuer()
        return super().start_issuer("--kubernetes", "--path", self.PATH)

    def arguments(self):
        bearer = pathlib.Path(self.folder) / "token"
        bearer.write_text("abc.def.ghi\n")
        return [self.issuer.url, CLIENT_ID, "shop", "--issuer-ca-file", self.issuer.ca, "--bearer-file", str(bearer),
                "--repository-id", "74", "--ci-issuer", self.jobs.url, "--ca-file", self.jobs.ca]

    def job(self, **members):
        claims = {"aud": CLIENT_ID, **members.pop("claims", {})}
        return self.mint(self.jobs, ci="github", claims=claims, **members)

    def test_workloads(self):
        self.matrix(self.ROUTES, {
            "of the namespace": ({"namespace": "shop"}, [OK, OK, NO_ROLE]),
            "of another": ({"namespace": "shop2"}, [OK, NO_ROLE, NO_ROLE]),
            "for another audience": ({"claims": {"aud": ["https://kubernetes.default.svc"]}}, AUDIENCE),
            "credential for Entra": ({"claims": {"aud": ["api://AzureADTokenExchange"]}}, EXCHANGE),
            "expired": ({"forge": "expired"}, EXPIRED),
            "sub of another account": ({"claims": {"sub": "system:serviceaccount:shop:admin"}}, VALUE),
            "of no account": ({"claims": {"kubernetes.io": None}}, token("a demanded claim is missing")),
            "with a job's claims": ({"namespace": "shop2", "claims": {"repository_id": "74", "ref": "refs/heads/dev"}},
                                    [OK, NO_ROLE, NO_ROLE]),
        })

    def test_jobs(self):
        for wanted, bearer in (
                ([OK, NO_ROLE, OK], self.job()),
                ([OK, NO_ROLE, OK], self.job(immutable=True)),
                ([OK, NO_ROLE, NO_ROLE], self.job(claims={"ref": "refs/pull/7/merge"})),
                ([OK, NO_ROLE, NO_ROLE], self.job(claims={"ref_type": "tag"})),
                (VALUE, self.job(claims={"repository_id": "75"})),
                (AUDIENCE, self.job(claims={"aud": "https://github.com/assay-dev"})),
                (EXPIRED, self.job(forge="expired")),
                (SIGNATURE, self.job(forge="signature"))):
            for i, route in enumerate(self.ROUTES):
                self.expect(wanted[i] if isinstance(wanted, list) else wanted, *route, bearer)

    def test_neither_speaks_for_the_other(self):
        """What one issuer signs in the name of the other is of no known key."""
        self.expect(KEY_UNKNOWN, *self.ROUTES[0], self.job(claims={"iss": self.issuer.url}))
        self.expect(KEY_UNKNOWN, *self.ROUTES[0], self.mint(namespace="shop", claims={"iss": self.jobs.url}))

    def test_who_called(self):
        wanted = "workload: service account orders of namespace shop\n"
        self.assertEqual(self.expect(OK, *self.ROUTES[0], self.mint(namespace="shop")), wanted)
        text = self.expect(OK, *self.ROUTES[0], self.job())
        self.assertRegex(text, r"\Ajob: repository assay-dev/orders, ref refs/heads/main, run \d+\n\Z")
        self.server.hear(rb"workload: service account orders of namespace shop\n")
        self.server.hear(rb"job: repository assay-dev/orders, ")

    def test_bearer_file_is_missing(self):
        self.end()
        arguments = self.arguments()
        pathlib.Path(arguments[arguments.index("--bearer-file") + 1]).unlink()
        self.server = Server(PROGRAM, self.folder, *arguments)
        status, _, retry, _ = self.ask(*self.ROUTES[0], f"Bearer {self.mint()}")
        self.assertEqual((status, retry is not None), (503, True))
        self.expect(OK, *self.ROUTES[0], self.job())  # the other issuer is not held up


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    COMMAND, PROGRAM = (str(pathlib.Path(sys.argv.pop(1)).resolve()) for _ in range(2))
    wanted = pathlib.Path(PROGRAM).name.title().replace("_", "")  # entra_service: EntraService
    sys.argv[1:] = [f"{wanted}.{name}" for name in sys.argv[1:]] or [wanted]
    unittest.main(verbosity=2)
