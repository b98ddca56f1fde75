"""JSON as the app reads and writes it: strict on the way in, compact UTF-8 on the way out."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

# Numbers that JSON has not, and what STAC 1.1 writes for them in `nodata` (data-values.json).
_WRITTEN = {math.inf: "inf", -math.inf: "-inf"}
_NODATA = "nodata"


class WrittenOut(str):
    """The text that stands for a number in `nodata` which JSON cannot carry: nan, inf or -inf."""

    __slots__ = ()


def read_json(data: bytes | str) -> Any:  # noqa: ANN401 - JSON is any value
    """Parse JSON text, refusing NaN, infinities, lone surrogates and nesting too deep to handle.

    Only in fields named `nodata`, where many producers write them, NaN and infinities are read, as text.

    Raises:
        ValueError: it is not JSON, and the message says where; or it holds a number that JSON cannot carry.
    """
    try:
        value = from_json(data, allow_inf_nan=True)
    except ValueError as error:
        raise ValueError(_in_plain_words(str(error))) from None
    place = write_out(value)
    if place is not None:
        raise ValueError(
            f"{place or 'it'} is a number that JSON cannot carry (NaN, or too large); give another, or none"
        )
    return value


def memory_of(text: bytes) -> int:
    """Return the most bytes of memory that a JSON text and what is parsed of it take, without parsing it.

    Of a real STAC document that is some 10 times its text, twice what it takes; of brackets only it is 34 times. The
    weights are what Python takes for a dictionary with one entry, a list, a further entry and a further value; a text
    takes four bytes a character where one of its characters does.
    """
    is_wide = b"\\u" in text or any(lead in text for lead in (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4"))
    structure = sum(weight * text.count(mark) for mark, weight in _WEIGHTS.items())
    return structure + (6 if is_wide else 3) * len(text)


_WEIGHTS = {b"{": 192, b"[": 64, b":": 100, b",": 64}


# What the parser says, and the same in words for people who do not write parsers.
_WORDS = {
    "EOF while parsing": "it ends too early",
    "recursion limit": "it is nested too deep",
    "number out of range": "it holds a number that is too large",
    "invalid unicode": "it holds bytes that are not UTF-8",
    "hex escape": "it holds half of a character",
    "surrogate": "it holds half of a character",
    "control character": "it holds a control character, such as a line break, inside a text",
    "trailing characters": "more text follows where it ends",
    "trailing comma": "nothing follows a comma",
    "key must be a string": "a name is not in double quotes",
}
_POSITION = re.compile(r"at line (\d+) column (\d+)$")


def _in_plain_words(said: str) -> str:
    words = next((words for sign, words in _WORDS.items() if sign in said), "a character is out of place")
    found = _POSITION.search(said)
    return f"{words} (line {found[1]}, column {found[2]})" if found else words


def write_out(value: Any, place: str = "") -> str | None:  # noqa: ANN401
    """Write out, as text, the numbers in fields named `nodata` that JSON has not.

    Args:
        value: parsed JSON; changed in place.
        place: where it stands.

    Returns:
        The place of the first such number in another field, such as `properties/gsd`; None where there is none.
    """
    if isinstance(value, dict):
        entries: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    else:
        return place if _is_odd(value) else None  # the parser makes infinity of 1e400, too
    is_nodata = place.rpartition("/")[2].endswith(_NODATA)
    for name, inner in entries:
        if _is_odd(inner) and (is_nodata or str(name).endswith(_NODATA)):
            value[name] = WrittenOut(_WRITTEN.get(inner, "nan"))
        elif isinstance(inner, dict | list | float):
            found = write_out(inner, f"{place}/{name}".lstrip("/"))
            if found is not None:
                return found
    return None


def _is_odd(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


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
