"""JSON in and out, and the absolute addresses that bodies and headers carry."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

#: A decoded JSON value; what is in it is checked where it is used.
Json: TypeAlias = Any


def json_text(value: object) -> str:
    """Write a value as compact JSON."""
    return to_json(value).decode()


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


def parse_json(body: bytes) -> Json:
    """Read JSON, strictly: no NaN, no Infinity.

    Args:
        body: UTF-8 JSON.

    Returns:
        The value.

    Raises:
        ValueError: The body is not JSON, or nested too deeply to read.
    """
    return from_json(body, allow_inf_nan=False)


def origin_of(request: Request) -> str:
    """Give the address the client used, such as `http://127.0.0.1:8080`, without a trailing slash."""
    host = request.headers.get("host") or "127.0.0.1"
    return f"{request.scope['scheme']}://{host}"
