"""A server that takes what it is sent and answers too slowly: never, or a byte now and then for ever."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

_BYTE_SECONDS = 0.05


class Slowness(StrEnum):
    """How a server keeps its client waiting."""

    SILENCE = "never answers"
    HEADERS = "sends its headers byte by byte"
    BODY = "sends its body byte by byte"


_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_PART = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-999999/1000000\r\n"
_LENGTH = b"Content-Length: 1000000\r\n\r\n"


@dataclass
class SlowServer:
    """A running server.

    Attributes:
        url: where it is.
        slowness: how it answers; may be changed while it runs.
        asked: how many requests came in.
    """

    url: str = ""
    slowness: Slowness = Slowness.SILENCE
    asked: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def serve(self, client: socket.socket) -> None:
        """Answer one connection."""
        try:
            with client:
                request = client.recv(65536)
                self.asked += 1
                if self.slowness is not Slowness.SILENCE:
                    client.sendall(_PART if b"range: bytes=" in request.lower() else _WHOLE)
                    client.sendall(_LENGTH if self.slowness is Slowness.BODY else b"X-Endless: ")
                while not self.stopped.wait(_BYTE_SECONDS):
                    if self.slowness is not Slowness.SILENCE:
                        client.sendall(b" ")
        except OSError:
            return  # the client has left


@contextmanager
def slow_server(tls: ssl.SSLContext | None = None) -> Iterator[SlowServer]:
    """Run a slow server on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = SlowServer(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}")

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
                client = tls.wrap_socket(client, server_side=True) if tls else client
            except OSError:
                return
            threading.Thread(target=running.serve, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
