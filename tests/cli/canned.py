# SPDX-License-Identifier: MIT
"""Servers that answer as they are told, for what no issuer of good will says; in this process, on loopback, over plain http."""

import email.utils
import http.server
import json
import socket
import threading
import time
import urllib.parse


class Canned:
    """`answer(request)` gives (status, headers, body), where `request` has method, path, headers and form. Seconds are added to Date."""

    def __init__(self, answer, ahead=0):
        self.requests = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length", 0))
                form = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
                request = Request(self.command, self.path, dict(self.headers.items()), form)
                owner.requests.append(request)
                status, headers, body = answer(request)
                body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response_only(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Date", email.utils.formatdate(time.time() + ahead, usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                try:
                    self.end_headers()
                    self.wfile.write(body)
                except ConnectionError:  # whoever asked did not wait for it
                    self.close_connection = True

            do_GET = do_POST = serve

            def log_message(self, *_):
                """Silent."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join(60)
        self.server.server_close()


class Request:
    def __init__(self, method, path, headers, form):
        self.method, self.path, self.headers, self.form = method, path, headers, form


class Listener:
    """Bytes instead of HTTP: `answer(connection)` of the class below it has each connection to itself."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.attend, args=(client,), daemon=True).start()

    def attend(self, client):
        with client:
            client.settimeout(60)
            try:
                self.answer(client)
            except OSError:
                """The other end has gone."""

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(60)
