#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An example server under load, against a development issuer on loopback: run_example_tests.py COMMAND PROGRAM [TEST…]

Nothing sleeps for luck: what is waited for is looked at, and every wait has a bound.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from dev_issuer import SECONDS, Issuer  # noqa: E402
from example_server import Server, until  # noqa: E402

COMMAND = PROGRAM = ""
AUDIENCE = "api://example-tests"
SANITIZED = os.environ.get("ASSAY_SANITIZED", "none") != "none"
INVALID_TOKEN = 'Bearer error="invalid_token"'
INVALID_REQUEST = 'Bearer error="invalid_request"'


def request_of(*authorizations, close=False):
    fields = [f"Authorization: {authorization}" for authorization in authorizations]
    fields += ["Connection: close"] if close else []
    return "\r\n".join(["GET /orders HTTP/1.1", "Host: example", *fields, "", ""]).encode()


def answer_from(connection):
    """Status, fields and text of the next answer."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    text = answer.read().decode()
    answer.close()
    return answer.status, answer.headers, text


class Client(threading.Thread):
    """Asks one case after the other, round after round; on kept connections, or on a new one for each request."""

    def __init__(self, server, cases, keep_alive, rounds):
        super().__init__(daemon=True)
        self.server, self.cases, self.keep_alive, self.rounds = server, cases, keep_alive, rounds
        self.enough = threading.Event()
        self.wrong, self.broken, self.done, self.longest = [], [], 0, 0.0
        self.connection = None

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def ask(self, case):
        started = time.monotonic()
        if self.connection is None:
            self.connection = self.server.connect()
        self.connection.sendall(request_of(*case.authorizations, close=not self.keep_alive))
        status, fields, text = answer_from(self.connection)
        if fields.get("Connection") == "close":
            self.hang_up()
        self.longest = max(self.longest, time.monotonic() - started)
        problem = case.problem(status, fields, text)
        if problem:
            self.wrong.append(problem)
        self.done += 1

    def run(self):
        left = self.rounds
        while left != 0 and not self.enough.is_set():
            for case in self.cases:
                try:
                    self.ask(case)
                except (OSError, http.client.HTTPException) as error:
                    self.broken.append(repr(error))
                    self.hang_up()
            left -= 1
        self.hang_up()


class Case:
    def __init__(self, status, *authorizations, challenge=None):
        self.status, self.authorizations, self.challenge = status, authorizations, challenge

    def problem(self, status, fields, text):
        challenge = fields.get("WWW-Authenticate")
        fits = challenge is None if self.challenge is None else (challenge or "").startswith(self.challenge)
        retry = fields.get("Retry-After")
        fits = fits and (retry is not None and int(retry) > 0 if status == 503 else retry is None)
        fits = fits and (status != 200 or text == "hello alice\n")
        return None if status == self.status and fits else f"{status} {dict(fields)} {text!r} instead of {self.status}"


def good(token):
    return Case(200, "Bearer " + token)


class Load:
    """Several clients at once; `with Load(…):` goes on until the end of the block and then fails where an answer was wrong."""

    def __init__(self, test, cases, kept=2, fresh=2, rounds=-1):
        self.test = test
        self.clients = [Client(test.server, cases, i < kept, rounds) for i in range(kept + fresh)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def answered(self):
        return sum(client.done for client in self.clients)

    def more(self, count):
        """Wait until so many more answers have come."""
        goal = self.answered() + count
        until("answers", lambda: self.answered() >= goal or not any(client.is_alive() for client in self.clients))

    def __exit__(self, kind, *_):
        for client in self.clients:
            if client.rounds < 0:
                client.enough.set()
        for client in self.clients:
            client.join(SECONDS)
        if kind is None:
            self.test.assertFalse([client for client in self.clients if client.is_alive()], "a client hangs")
            self.test.assertEqual([wrong for client in self.clients for wrong in client.wrong], [])
            self.test.broken = [broken for client in self.clients for broken in client.broken]
            if not self.test.may_break:
                self.test.assertEqual(self.test.broken, [])


class Example(unittest.TestCase):
    maxDiff = None
    may_break = False
    ROUNDS = 30

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.tokens = []
        self.issuer = Issuer(COMMAND, self.folder, "--algorithm", "ES256", "--algorithm", "RS256", audience=AUDIENCE)
        self.addCleanup(self.issuer.stop)

    def mint(self, *arguments, **members):
        token = self.issuer.mint({"sub": "alice"}, *arguments, **members)
        self.tokens.append(token)
        return token

    def quiet(self, text):
        """No token is printed, not even its parts; no sanitizer has anything to say."""
        for token in self.tokens:
            self.assertFalse([part for part in token.split(".")[1:] if part and part in text])
        self.assertNotIn("Sanitizer", text)
        self.assertNotIn("runtime error", text)


class ServerTests:
    """What holds for every server."""

    def arguments(self):
        return [self.issuer.url, AUDIENCE, "--ca-file", self.issuer.ca]

    def setUp(self):
        super().setUp()
        self.server = Server(PROGRAM, self.folder, *self.arguments())
        self.addCleanup(self.end)

    def end(self):
        status = self.server.stop()
        log = self.server.log.read_text(errors="replace")
        self.assertEqual(status, 0, log)
        self.quiet(log + self.server.said.decode())

    def ask(self, *authorizations):
        with self.server.connect() as connection:
            connection.sendall(request_of(*authorizations, close=True))
            return answer_from(connection)

    def expect(self, case):
        self.assertIsNone(case.problem(*self.ask(*case.authorizations)))

    def fetches(self):
        stats = self.issuer.stats()
        return stats["metadata"], stats["jwks"]

    def test_answers_under_load(self):
        cases = [good(self.mint()), good(self.mint(algorithm="RS256"))]
        cases += [Case(401, "Bearer " + self.mint(forge=forge), challenge=INVALID_TOKEN)
                  for forge in ("expired", "signature", "audience", "none")]
        cases += [
            Case(401, challenge="Bearer"),
            Case(401, "Basic YTpi", challenge="Bearer"),
            Case(401, "Bearer abc", challenge=INVALID_TOKEN),
            Case(400, "Bearer a b", challenge=INVALID_REQUEST),
            Case(400, "Bearer", challenge=INVALID_REQUEST),
        ]
        with Load(self, cases, rounds=self.ROUNDS) as load:
            pass
        self.assertEqual(load.answered(), 4 * self.ROUNDS * len(cases))

    def test_requests_in_pieces_and_in_heaps(self):
        token = "Bearer " + self.mint()
        with self.server.connect() as connection:
            for byte in request_of(token):
                connection.sendall(bytes([byte]))
            self.assertEqual(answer_from(connection)[0], 200)
            connection.sendall(request_of(token) + request_of() + request_of(token, close=True))
            received = b""
            while more := connection.recv(65536):
                received += more
            self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", received), [b"200", b"401", b"200"])
        for nonsense in (b"\r\n\r\n", b"GET / HTTP/1.1\r\nno field\r\n\r\n", request_of(token, token),
                         b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"):
            with self.server.connect() as connection:
                connection.sendall(nonsense)
                status, fields, _ = answer_from(connection)
                self.assertEqual((status, fields["Connection"]), (400, "close"))

    def test_rotation_under_load(self):
        old = good(self.mint())
        self.expect(old)  # a process that fetches for the first time after the rotation never knew the old key
        with Load(self, [old]) as load:
            load.more(20)
            self.issuer.call("/rotate", {"drop_old": True})
            new = good(self.mint())
            with Load(self, [old, new], rounds=self.ROUNDS):
                pass
            load.more(20)

    def test_issuer_stops(self):
        token, unknown = good(self.mint()), self.mint(forge="unknown-kid")
        self.expect(token)
        self.assertEqual(self.issuer.stop(), 0)
        with Load(self, [token], rounds=self.ROUNDS):
            pass
        self.expect(Case(503, "Bearer " + unknown))  # it could be a new key
        self.expect(token)


class EpollServer(ServerTests, Example):
    def waiting(self, token, served):
        """A request that waits for an issuer which takes its time; the connection."""
        connection = self.server.connect()
        connection.sendall(request_of("Bearer " + token))
        until("a fetch", lambda: self.fetches()[1] >= served)
        return connection

    def test_slow_issuer_keeps_nobody_else_waiting(self):
        seconds = 4 if SANITIZED else 2
        old = good(self.mint())
        self.expect(old)
        self.issuer.call("/rotate", {})
        token = self.mint()
        served = self.fetches()[1]
        self.issuer.call("/fault", {"target": "jwks", "kind": "slow", "value": seconds * 1000, "count": 1})
        started = time.monotonic()
        with Load(self, [old, Case(401, challenge="Bearer")]) as load:
            # The one that asks for the fetch leaves; whoever shares it does not notice.
            self.waiting(token, served + 1).close()
            with self.waiting(token, served + 1) as connection:
                load.more(100)
                self.assertLess(time.monotonic() - started, seconds, "others had to wait")
                self.assertEqual(answer_from(connection)[0], 200)
            self.assertGreaterEqual(time.monotonic() - started, seconds)
        self.assertLess(max(client.longest for client in load.clients), seconds * 0.75)
        self.assertEqual(self.fetches()[1], served + 1)

    def test_cold_start_with_a_slow_issuer(self):
        self.issuer.call("/fault", {"kind": "slow", "value": 500})
        other = Server(PROGRAM, self.folder, *self.arguments())
        try:
            with other.connect() as connection:
                connection.sendall(request_of("Bearer " + self.mint()))
                self.assertEqual(answer_from(connection)[0], 200)
        finally:
            self.assertEqual(other.stop(), 0)

    def test_ends_with_requests_under_way(self):
        self.expect(good(self.mint()))
        self.issuer.call("/rotate", {})
        token, served = self.mint(), self.fetches()[1]
        self.issuer.call("/fault", {"target": "jwks", "kind": "slow", "value": 20000, "count": 1})
        with self.waiting(token, served + 1):
            started = time.monotonic()
            self.end()
            self.assertLess(time.monotonic() - started, 10)

    def test_bounded_connections(self):
        token = self.mint()
        silent = [self.server.connect() for _ in range(256)]
        descriptors = pathlib.Path(f"/proc/{self.server.process.pid}/fd")
        until("all accepted", lambda: len(list(descriptors.iterdir())) >= 256)
        with self.server.connect() as connection:
            connection.sendall(request_of("Bearer " + token))
            silent.pop().close()
            self.assertEqual(answer_from(connection)[0], 200)
            self.assertLess(len(list(descriptors.iterdir())), 256 + 32)
        for connection in silent:
            connection.close()


class PreforkServer(ServerTests, Example):
    def test_a_worker_dies(self):
        token = good(self.mint())
        workers = self.server.hear(rb"worker (\d+)\n", times=4)
        self.may_break = True  # the requests that it had
        with Load(self, [token]) as load:
            load.more(20)
            os.kill(int(workers[0]), signal.SIGKILL)
            self.server.hear(rb"worker (\d+)\n", times=5)
            load.more(20)
        self.assertLessEqual(len(self.broken), 4)
        self.may_break = False
        with Load(self, [token], rounds=self.ROUNDS):
            pass
        self.assertEqual(self.fetches(), (1, 1), "every worker began with the keys of the master")

    def test_restart_with_a_store(self):
        token = good(self.mint())
        arguments = [*self.arguments(), "--store", str(pathlib.Path(self.folder) / "store")]
        for issuer_is_there in (True, False):
            self.end()
            self.server = Server(PROGRAM, self.folder, *arguments)
            self.expect(token)
            if issuer_is_there:
                self.assertEqual(self.issuer.stop(), 0)


class ThreadPoolServer(ServerTests, Example):
    def configure(self, *audiences):
        document = {"runtime": {"ca_file": self.issuer.ca},
                    "issuers": [{"issuer": self.issuer.url, "audiences": audiences}]}
        # Written aside and renamed: a reload sees the old or the new one.
        aside = pathlib.Path(self.folder) / "aside.json"
        aside.write_text(json.dumps(document) if audiences else "{")
        return str(aside.rename(pathlib.Path(self.folder) / "config.json"))

    def arguments(self):
        return [self.configure(AUDIENCE), "--workers", "4"]

    def test_reload_under_load(self):
        token = good(self.mint())
        other = self.issuer.mint({"sub": "alice", "aud": "api://other"})
        self.expect(Case(401, "Bearer " + other, challenge=INVALID_TOKEN))
        with Load(self, [token], kept=1) as load:
            for times in range(1, 11):
                self.configure(AUDIENCE, "api://other")
                self.server.process.send_signal(signal.SIGHUP)
                self.server.hear(rb"(?m)^reloaded$", times)
                load.more(5)
            self.expect(good(other))
            self.configure()
            self.server.process.send_signal(signal.SIGHUP)
            self.server.hear(rb"(?m)^not reloaded$")
            self.expect(good(other))
        self.assertEqual(self.fetches(), (1, 1), "keys were taken over")


class ConnectionServer(ServerTests, Example):
    ROUNDS = 2 if SANITIZED else 5

    def arguments(self):
        return [*super().arguments(), "--store", str(pathlib.Path(self.folder) / "store")]

    def test_each_process_starts_warm(self):
        token = good(self.mint())
        self.expect(token)
        self.assertEqual(self.fetches(), (1, 1))
        with Load(self, [token], kept=0, fresh=4, rounds=self.ROUNDS):
            pass
        self.assertEqual(self.fetches(), (1, 1), "every later process began with the store")


class OwnHttp(Example):
    def setUp(self):
        super().setUp()
        self.plain = Issuer(COMMAND, self.folder, "--path", "/tenant", tls=False, audience=AUDIENCE)
        self.addCleanup(self.plain.stop)

    def start(self):
        return subprocess.Popen([PROGRAM, self.plain.url, AUDIENCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def decide(self, token):
        self.tokens.append(token)
        program = self.start()
        out, err = program.communicate(token.encode(), timeout=SECONDS)
        self.quiet((out + err).decode())
        return program.returncode, out.decode(), err.decode()

    def test_accepted(self):
        status, out, err = self.decide(self.plain.mint({"sub": "alice"}))
        self.assertEqual((status, out), (0, "accepted: subject alice\n"), err)
        self.assertEqual(err.count("fetching "), 2)

    def test_refused(self):
        for forge, code in (("signature", "SIGNATURE"), ("expired", "EXPIRED"), ("unknown-kid", "KEY_UNKNOWN")):
            status, out, err = self.decide(self.plain.mint(forge=forge))
            self.assertEqual((status, out), (1, ""), err)
            self.assertIn(f"ASSAY_E_{code}:", err)

    def undecided(self, fault, reason):
        self.plain.call("/fault", fault)
        status, out, err = self.decide(self.plain.mint())
        self.assertEqual((status, out), (3, ""), err)
        self.assertIn("ASSAY_E_KEYS_UNAVAILABLE:", err)
        self.assertIn(f'"last_failure":"ASSAY_E_{reason}"', err)

    def test_redirects_are_not_followed(self):
        self.undecided({"kind": "redirect"}, "REDIRECT")
        self.assertEqual(self.plain.stats()["redirected"], 0)

    def test_bad_answers(self):
        self.undecided({"target": "metadata", "kind": "status", "value": 500}, "HTTP_STATUS")
        self.undecided({"target": "metadata", "kind": "truncated"}, "RESPONSE")
        self.undecided({"target": "metadata", "kind": "huge"}, "RESPONSE_SIZE")
        self.undecided({"target": "metadata", "kind": "garbage"}, "METADATA")

    def test_the_issuer_is_down(self):
        token = self.plain.mint()
        self.plain.stop()
        status, _, err = self.decide(token)
        self.assertEqual(status, 3)
        self.assertIn('"last_failure":"ASSAY_E_CONNECT"', err)

    def test_a_signal_cancels(self):
        self.plain.call("/fault", {"kind": "slow", "value": 30000})
        program = self.start()
        program.stdin.write(self.plain.mint().encode())
        program.stdin.close()
        until("a fetch", lambda: self.plain.stats()["metadata"] > 0)
        started = time.monotonic()
        program.terminate()
        self.assertIn(b"ASSAY_E_CANCELLED", program.stderr.read())
        self.assertEqual(program.wait(SECONDS), 3)
        self.assertLess(time.monotonic() - started, 10)
        program.stdout.close()
        program.stderr.close()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    COMMAND, PROGRAM = (str(pathlib.Path(sys.argv.pop(1)).resolve()) for _ in range(2))
    wanted = pathlib.Path(PROGRAM).name.title().replace("_", "")  # own_http: OwnHttp
    sys.argv[1:] = [f"{wanted}.{name}" for name in sys.argv[1:]] or [wanted]
    unittest.main(verbosity=2)
