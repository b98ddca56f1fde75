"""Ending a client's connection without an answer, as a broken network does."""

import asyncio
import socket
import struct
from typing import cast

from starlette.types import Receive, Send

# With a linger time of zero, closing sends RST instead of FIN: the client sees "connection reset".
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def wait_for_disconnect(receive: Receive) -> None:
    """Take and throw away what the client sends until it has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def reset(receive: Receive, send: Send) -> None:
    """Reset the TCP connection of a request that has had no answer yet.

    Args:
        receive: The request's ASGI receive function.
        send: Its ASGI send function, unwrapped: ASGI has no way to drop a connection, so the transport
            is taken from the server's own object behind it.
    """
    transport = cast(asyncio.Transport, send.__self__.transport)  # type: ignore[attr-defined]
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    await wait_for_disconnect(receive)
