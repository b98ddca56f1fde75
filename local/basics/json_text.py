"""JSON as text, read and written strictly and quickly."""

from typing import Any, TypeAlias

from pydantic_core import from_json, to_json

#: A decoded JSON value; what is in it is checked where it is used.
Json: TypeAlias = Any


def json_text(value: object) -> str:
    """Write a value as compact JSON."""
    return to_json(value).decode()


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
