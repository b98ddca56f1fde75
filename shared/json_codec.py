"""JSON as the app reads and writes it: strict on the way in, compact UTF-8 on the way out."""

import json
from typing import Any

from pydantic_core import from_json


def read_json(data: bytes | str) -> Any:  # noqa: ANN401 - JSON is any value
    """Parses JSON text, refusing NaN, infinities, lone surrogates and nesting too deep to handle.

    Raises:
        ValueError: it is not JSON; the message says where.
    """
    return from_json(data, allow_inf_nan=False)


def write_json(value: Any) -> bytes:  # noqa: ANN401
    """Writes compact UTF-8 JSON.

    Raises:
        ValueError: it holds a number that JSON cannot carry.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def canonical_json(value: Any) -> bytes:  # noqa: ANN401
    """Writes compact UTF-8 JSON with sorted keys, the same bytes for equal content.

    Raises:
        ValueError: it holds a number that JSON cannot carry.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
