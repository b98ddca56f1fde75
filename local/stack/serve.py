"""Run one HTTP part of the local stack: bind, say when it is ready, stop on a signal."""

import asyncio
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

HIGHEST_PORT = 65_535

# Set by whoever starts a part with a pipe as its standard input, so that the part never outlives them.
STOP_WITH_PARENT = "LOCAL_STOP_WITH_PARENT"

# Responses that hang on purpose must not keep a part from stopping.
SHUTDOWN_SECONDS = 1
# As servers in Azure do, rather than uvicorn's own 5 s: a connection closed just when it is used loses an answer.
KEEP_ALIVE_SECONDS = 120


async def _health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ready"})


#: Every part lists this route, so that whoever starts it can ask whether it is ready.
HEALTH_ROUTE = Route("/_emulator/health", _health, methods=["GET"])


@dataclass(frozen=True)
class TlsFiles:
    """What a part serves HTTPS with: PEM files.

    Attributes:
        certificate: The certificate, with those that lead to its authority.
        key: Its private key.
    """

    certificate: Path
    key: Path


class _AnnouncingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            sys.stdout.write(f"{self._announcement}\n")
            sys.stdout.flush()


def _stop_with_parent() -> None:
    """Ends this process when the one that started it has gone, however that ended: its end of the pipe then closes."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def serve(app: Starlette, *, name: str, host: str = "127.0.0.1", port: int = 0, tls: TlsFiles | None = None) -> None:
    """Serve an app until SIGTERM or SIGINT, after printing `<name> listening on http://HOST:PORT` (or `https:`).

    Args:
        app: The application; it answers `GET /_emulator/health` by listing `HEALTH_ROUTE`.
        name: What the part is called in its messages, such as `GeoCatalog emulator`.
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        tls: Serve HTTPS with these; None serves HTTP.

    Raises:
        SystemExit: The address cannot be bound, the TLS files are of no use, or the app failed while it started.
    """
    listener = bind(host, port, name=name)
    url_host = f"[{host}]" if ":" in host else host
    scheme = "http" if tls is None else "https"
    announcement = f"{name} listening on {scheme}://{url_host}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:  # ssl's own error is an OSError
        raise SystemExit(f"{name}: the TLS certificate or its key cannot be used ({error}).") from None
    server = _AnnouncingServer(config, announcement)
    # uvicorn raises the signal once more when it is done; a stop that was asked for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if os.environ.get(STOP_WITH_PARENT):
        threading.Thread(target=_stop_with_parent, daemon=True).start()
    with listener:
        asyncio.run(server.serve(sockets=[listener]))
    if not server.started:
        raise SystemExit(f"{name}: could not start; its log above says why.")


def bind(host: str, port: int, *, name: str) -> socket.socket:
    """Bind and listen, so that nothing else can take the port before the server is up.

    Args:
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        name: What the part is called in its messages.

    Returns:
        The listening socket.

    Raises:
        SystemExit: The address is taken, does not exist here or is not allowed.
    """
    # The resolver takes any number and silently wraps it around.
    if not 0 <= port <= HIGHEST_PORT:
        raise SystemExit(f"{name}: {port} is no port; --port takes 0 (a free one) to {HIGHEST_PORT}.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        raise SystemExit(
            f"{name}: cannot listen on {host} port {port} ({error}); choose another with --port, or 0 for a free one."
        ) from None
    return listener
