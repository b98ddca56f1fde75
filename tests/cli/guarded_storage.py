"""Azurite behind doors that refuse what a role does not grant, as Azure does and Azurite cannot."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests

from local.azurite import Azurite

# Told the service (`queue`, `blob` or `table`), the method and the path with its query; returns whether it is granted.
Grants = Callable[[str, str, str], bool]

_REFUSAL = b'<?xml version="1.0"?><Error><Code>AuthorizationPermissionMismatch</Code><Message>no</Message></Error>'
_OF_THE_CONNECTION = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "content-encoding"})


@contextmanager
def guarded(azurite: Azurite, grants: Grants) -> Iterator[str]:
    """Puts a door in front of each service, and gives the connection string that leads through them."""
    endpoints = {"queue": azurite.queue_endpoint(), "blob": azurite.blob_endpoint(), "table": azurite.table_endpoint()}
    connection = azurite.connection_string()
    with ExitStack() as doors:
        for service, endpoint in endpoints.items():
            parts = urlsplit(endpoint)
            door = ThreadingHTTPServer(("127.0.0.1", 0), _door_of(service, f"http://{parts.netloc}", grants))
            thread = threading.Thread(target=door.serve_forever)
            thread.start()
            doors.callback(thread.join)
            doors.callback(door.server_close)
            doors.callback(door.shutdown)
            connection = connection.replace(parts.netloc, f"127.0.0.1:{door.server_port}")
        yield connection


def _door_of(service: str, origin: str, grants: Grants) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer, sent as head and body, comes 40 ms later

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not grants(service, self.command, self.path):
                self.tell(403, {"x-ms-error-code": "AuthorizationPermissionMismatch"}, _REFUSAL)
                return
            with requests.Session() as session:
                request = requests.Request(self.command, origin + self.path, dict(self.headers), data=body)
                prepared = session.prepare_request(request)
                prepared.url = origin + self.path  # not written anew: the signature is of the path as it came
                passed_on = session.send(prepared, timeout=30, allow_redirects=False)
            self.tell(passed_on.status_code, dict(passed_on.headers), passed_on.content)

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = answer  # noqa: N815 - as http.server looks for them

        def tell(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in _OF_THE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Door
