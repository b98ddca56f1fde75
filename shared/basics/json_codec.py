"""JSON as the app reads and writes it: strict on the way in, compact UTF-8 on the way out."""

import json
import math
from typing import Any

from pydantic_core import from_json


def read_json(data: bytes | str) -> Any:  # noqa: ANN401 - JSON is any value
    """Parses JSON text, refusing NaN, infinities, lone surrogates and nesting too deep to handle.

    Raises:
        ValueError: it is not JSON, and the message says where; or it holds a number that no float can hold.
    """
    value = from_json(data, allow_inf_nan=False)
    if not _is_finite(value):
        raise ValueError("a number is too large, such as 1e400")
    return value


def _is_finite(value: object) -> bool:
    # The parser makes infinity of 1e400, which no JSON that the app sends could carry.
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


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
