"""JSON responses, and the absolute addresses that bodies and headers carry."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from local.basics.json_text import json_text


def json_response(
    value: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """Make a JSON response from a value."""
    return Response(json_text(value), status, headers, media_type)


def text_response(document: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Make a JSON response from text that is JSON already."""
    return Response(document, status, headers, "application/json")


def origin_of(request: Request) -> str:
    """Give the address the client used, such as `http://127.0.0.1:8080`, without a trailing slash."""
    host = request.headers.get("host") or "127.0.0.1"
    return f"{request.scope['scheme']}://{host}"
