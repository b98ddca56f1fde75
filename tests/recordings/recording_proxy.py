"""A proxy in front of a storage emulator that notes the requests for queues and spoils those that a test names."""

import http.client
import re
import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_MESSAGE_ID = re.compile(r"/messages/[^/]+$")


@dataclass
class Fault:
    """What is done to a request.

    Attributes:
        on: the operation: properties, receive, put, update, delete or create.
        status: answered in place of storage's status.
        code: the error code of that answer.
        drop: whether the connection is closed without an answer.
        after: whether storage gets the request all the same.
        delay: seconds before the answer is passed on.
        times: how many requests are spoilt; None for all.
    """

    on: str
    status: int = 0
    code: str = ""
    drop: bool = False
    after: bool = False
    delay: float = 0.0
    times: int | None = None


@dataclass(frozen=True)
class Call:
    """A noted request; `status` is `drop` where the connection was closed, `visibility` what it asked for."""

    at: float
    operation: str
    status: int | str
    visibility: int | None
    messages: int


def operation(method: str, path: str, query: dict[str, list[str]]) -> str:
    """Return the name of a queue operation."""
    if path.endswith("/messages"):
        return {"GET": "receive", "POST": "put", "DELETE": "clear"}[method]
    if _MESSAGE_ID.search(path):
        return {"PUT": "update", "DELETE": "delete"}[method]
    if query.get("comp") == ["metadata"]:
        return "properties"
    return {"PUT": "create", "DELETE": "delete queue"}.get(method, method)


class RecordingProxy:
    """A proxy of one queue endpoint.

    Attributes:
        calls: the noted requests by the name of their queue.
        faults: what is done to requests, by the name of their queue.
    """

    def __init__(self, endpoint: str) -> None:
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self._target = urlsplit(endpoint).netloc
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = endpoint.replace(self._target, f"127.0.0.1:{self._server.server_port}")

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take_fault(self, queue: str, name: str) -> Fault | None:
        """Return what is to be done to a request."""
        with self._lock:
            for fault in self.faults[queue]:
                if fault.on == name and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass a request on to storage."""
        connection = http.client.HTTPConnection(self._target, timeout=60)
        try:
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    proxy: RecordingProxy
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        at = time.monotonic()
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        queue = parts.path.split("/")[2]
        name = operation(self.command, parts.path, query)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.take_fault(queue, name)
        status, headers, content = 0, list[tuple[str, str]](), b""
        if fault is None or fault.after or fault.delay:
            status, headers, content = self.proxy.forward(self.command, self.path, dict(self.headers), body)
        shown: int | str = status
        if fault is not None:
            time.sleep(fault.delay)
            if fault.drop:
                shown = "drop"
            elif fault.status:
                shown = status = fault.status
                headers = [("x-ms-error-code", fault.code), ("Content-Type", "application/xml")]
                content = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>no</Message></Error>".encode()
        visibility = query.get("visibilitytimeout")
        self.proxy.calls[queue].append(
            Call(at, name, shown, int(visibility[0]) if visibility else None, content.count(b"<QueueMessage>"))
        )
        if shown == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(status)
        for header, value in headers:
            if header.lower() not in _HOP_BY_HOP:
                self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: the calls are noted."""
