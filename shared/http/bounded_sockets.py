"""Sockets whose every wait ends with the invocation's deadline.

The time-out of a request is one for each wait: a server that sends a byte every few seconds can hold a request, and so
its function, for hours. Here each wait for a byte is also limited by what is left of the invocation.
"""

import socket
import ssl
from typing import Any

from shared.basics import deadline


class _Bounded(socket.socket):
    _usual: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        """Set the usual limit of a wait, in seconds."""
        self._usual = value
        super().settimeout(value)

    def recv(self, *arguments: Any) -> bytes:
        """Receive as any socket does."""
        self._bound()
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        """Receive as any socket does."""
        self._bound()
        return super().recv_into(*arguments)

    def send(self, *arguments: Any) -> int:
        """Send as any socket does."""
        self._bound()
        return super().send(*arguments)

    def sendall(self, *arguments: Any) -> None:
        """Send as any socket does."""
        self._bound()
        super().sendall(*arguments)

    def _bound(self) -> None:
        left = deadline.remaining()
        if left <= 0:
            raise TimeoutError("the time that the invocation may take was spent")
        wanted = left if self._usual is None else min(left, self._usual)
        if wanted != self.gettimeout():
            super().settimeout(wanted)


class BoundedSocket(_Bounded):
    """A plain socket."""

    @classmethod
    def of(cls, plain: socket.socket) -> "BoundedSocket":
        """Return a bounded socket that has the connection of another, which is of no more use."""
        limit = plain.gettimeout()
        bounded = cls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        bounded.settimeout(limit)
        return bounded


class BoundedTlsSocket(_Bounded, ssl.SSLSocket):
    """A TLS socket, for ssl.SSLContext.sslsocket_class."""
