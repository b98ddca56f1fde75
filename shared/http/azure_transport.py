"""How the Azure SDKs send: over the app's own sessions, whose waits end with the invocation's deadline."""

import requests
from azure.core.pipeline.transport import RequestsTransport

from shared.basics import deadline
from shared.http.sessions import PooledAdapter, certificates, pooled_session, use_proxies

# Seconds. A call either answers within one or is in trouble.
CONNECT_SECONDS, READ_SECONDS = 5, 20


class _BoundedTransport(RequestsTransport):  # type: ignore[misc]  # the package names no type for it
    def sleep(self, duration: float) -> None:
        """Wait between two tries of a call, no longer than the invocation has time."""
        super().sleep(min(duration, deadline.remaining()))


def azure_transport(session: requests.Session) -> RequestsTransport:
    """Return a transport for a client of the Azure SDKs, which leaves the session open when the client is closed."""
    return _BoundedTransport(
        session=session,
        session_owner=False,
        connection_verify=certificates(),
        connection_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
    )


def transport_to(*urls: str) -> RequestsTransport:
    """Return a transport over a session of its own, with the proxies that the environment names for some URLs."""
    session = pooled_session(PooledAdapter())
    use_proxies(session, *urls)
    return azure_transport(session)
