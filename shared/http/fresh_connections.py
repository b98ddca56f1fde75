"""Connections that are used again only while they are fresh.

A server closes a connection that was idle for some time, and a network forgets one. If that meets the next request, its
answer is lost; of a write nobody knows then whether it was done, and what is safe to do about that takes minutes.
"""

import time

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

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


class _FreshTls(_Fresh, HTTPSConnection):
    pass


class _FreshPool(HTTPConnectionPool):
    ConnectionCls = _Fresh


class _FreshTlsPool(HTTPSConnectionPool):
    ConnectionCls = _FreshTls


#: For PoolManager.pool_classes_by_scheme.
FRESH_POOLS = {"http": _FreshPool, "https": _FreshTlsPool}
