"""Let pages in a browser on this machine use an emulator."""

import ipaddress

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What clients of the service read from an answer besides its body.
_SHOWN_HEADERS = ("Location", "operation-location", "Retry-After", "x-ms-error-code", "x-request-id")


class LoopbackCors:
    """Answer CORS preflights, and allow any origin, where the connection came over loopback.

    Args:
        app: What answers everything else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._with_cors = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=_METHODS,
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=_SHOWN_HEADERS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        app = self._with_cors if _is_loopback(scope.get("server")) else self._app
        await app(scope, receive, send)


def _is_loopback(server: tuple[str, int | None] | None) -> bool:
    try:
        return server is not None and ipaddress.ip_address(server[0]).is_loopback
    except ValueError:
        return False
