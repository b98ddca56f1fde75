"""Connections that are used again only while they are fresh.

A server closes a connection that was idle for some time, and a network forgets one. If that meets the next request, its
answer is lost; of a write nobody knows then whether it was done, and what is safe to do about that takes minutes.
"""

import math
import socket
import time

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError
from urllib3.response import HTTPResponse
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from shared.basics import deadline
from shared.http.bounded_sockets import BoundedSocket, BoundedTlsSocket

# Less than any server's own limit that is in use: 5 s are the least (Node.js, uvicorn), Azure's load balancers keep a
# silent connection for 4 minutes (learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset).
_MAX_IDLE_SECONDS = 4.0


class _Fresh(HTTPConnection):
    _answered_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the connection may be used: it stands, and has not been idle for long."""
        return time.monotonic() - self._answered_at < _MAX_IDLE_SECONDS and super().is_connected

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        """Returns the answer, and notes when it came."""
        response = super().getresponse()
        self._answered_at = time.monotonic()
        return response

    def _new_conn(self) -> socket.socket:
        left = deadline.remaining()
        if left <= 0:
            raise ConnectTimeoutError(self, "The time that the invocation may take was spent.")
        if left < math.inf:
            self.timeout = left if self.timeout is None else min(left, float(self.timeout))
        return BoundedSocket.of(super()._new_conn())


class _FreshTls(_Fresh, HTTPSConnection):
    def connect(self) -> None:
        """Connect, with a socket that is bounded by the deadline."""
        if self.ssl_context is None:
            self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
        self.ssl_context.sslsocket_class = BoundedTlsSocket
        super().connect()


class _FreshPool(HTTPConnectionPool):
    ConnectionCls = _Fresh


class _FreshTlsPool(HTTPSConnectionPool):
    ConnectionCls = _FreshTls


#: For PoolManager.pool_classes_by_scheme.
FRESH_POOLS = {"http": _FreshPool, "https": _FreshTlsPool}
