"""A web server on the loopback address that misbehaves on request."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Faulty(BaseHTTPRequestHandler):
    """Serves `server.files`; `server.faults[path]` lists what goes wrong, one a request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        asked = self.headers.get("Range")
        server.requests.append((self.path, asked))
        waiting = server.faults.get(self.path, [])
        fault = waiting.pop(0) if waiting else ""
        body = server.files.get(self.path)
        if body is None or fault.isdigit():
            return self.answer(int(fault or 404), b"gone")
        if fault == "html":
            return self.answer(200, b"<html>log in</html>", kind="text/html; charset=utf-8")
        if fault == "html as data":
            return self.answer(200, b"\n<!DOCTYPE html><html>log in</html>")
        if fault == "garbage":
            return self.answer(200, bytes(len(body)))
        if fault == "flipped":
            return self.answer(200, body[:-1] + bytes([body[-1] ^ 1]))
        start, extra = 0, {}
        if "no range" not in server.traits:
            extra["ETag"] = '"1"'
            if asked and self.headers.get("If-Range", '"1"') == '"1"':
                start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
                if start >= len(body):
                    return self.answer(416, b"", Content_Range=f"bytes */{len(body)}")
                shift = 7 if fault == "wrong range" else 0
                extra["Content-Range"] = f"bytes {start + shift}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        status = 206 if start else 200
        if fault == "reset":  # half of it, then the connection is closed
            self.head(status, len(rest), **extra)
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return None
        if fault == "announces less":
            self.head(status, len(rest) - 10, **extra)
            self.wfile.write(rest)
            self.close_connection = True
            return None
        if fault == "announces more":
            self.head(status, len(rest) + 10, **extra)
            self.wfile.write(rest)
            self.close_connection = True
            self.connection.close()
            return None
        if fault == "no length":
            self.send_response(status)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(rest)
            self.close_connection = True
            return None
        return self.answer(status, rest, **extra)

    def head(self, status: int, length: int, kind: str = "application/x-gzip", **more: Any) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        if "encoded" in self.server.traits:  # as Apache says of a .tgz
            self.send_header("Content-Encoding", "x-gzip")
        self.end_headers()

    def answer(self, status: int, body: bytes, **more: Any) -> None:
        self.head(status, len(body), **more)
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or a connection that the fault has closed, is meant."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Any]:
    """The server; `.url` is its address, `.requests` what it was asked, `.faults` and `.traits`
    what it does wrong.
    """
    server: Any = QuietServer(("127.0.0.1", 0), Faulty)
    server.files, server.faults, server.traits, server.requests = dict(files), {}, set(), []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
