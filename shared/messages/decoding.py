"""The text of a queue message, in the forms that producers send it, and the JSON object in it."""

import base64
import binascii
import codecs
from typing import Any

from shared.basics.errors import BadMessage
from shared.basics.json_codec import read_json

# UTF-8 with a byte order mark, as some editors and shells write it.
BOM = codecs.BOM_UTF8
# Begins each text of a JSON text sequence (RFC 8142), such as a .geojsonseq file.
RECORD_SEPARATOR = b"\x1e"

# A producer that encodes what its library encodes once more wraps a text twice; deeper is no mistake that is made.
_MAX_WRAPPINGS = 4
_NAMES = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


def decode_body(raw: bytes) -> bytes:
    """Return the JSON text of a queue message.

    It may be plain text or base64, each once or twice, with or without a byte order mark, in UTF-8 or UTF-16, or stand
    as text inside a JSON string, as serializers write what is serialized already.

    Args:
        raw: the message as it lay on the queue.

    Raises:
        BadMessage: it is none of these.
    """
    text = raw
    if not raw.strip():
        raise BadMessage("The message is empty; send a JSON object.")
    for _ in range(_MAX_WRAPPINGS):
        text = _in_utf8(text).strip().removeprefix(BOM).lstrip()
        if text[:1] in {b"{", b"["}:
            return text
        text = _string_content(text) if text[:1] == b'"' else _from_base64(text)
    raise _not_json()


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a decoded body that must be a JSON object.

    Raises:
        BadMessage: it is not JSON in UTF-8, or not an object.
    """
    try:
        value = read_json(body)
    except ValueError as error:
        raise BadMessage(f"The message is not JSON in UTF-8: {error}; send a JSON object.") from None
    if not isinstance(value, dict):
        raise BadMessage(f"The message is JSON, but {_NAMES[type(value)]}; send a JSON object.")
    return value


def _in_utf8(text: bytes) -> bytes:
    """Return text without its byte order mark, in UTF-8: .NET's Encoding.Unicode writes UTF-16."""
    if text.startswith(BOM):
        return text.removeprefix(BOM)
    encoding = "utf-16" if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else _unmarked(text)
    if encoding is None:
        return text
    try:
        return text.decode(encoding).encode()
    except UnicodeError:
        raise BadMessage("The message is UTF-16 that breaks off; send a JSON object in UTF-8.") from None


def _unmarked(text: bytes) -> str | None:
    """Tell UTF-16 without a mark by its zeros: JSON begins with a character of ASCII."""
    if text[1:2] == b"\0" and text[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if text[:1] == b"\0" and text[1:2] != b"\0" else None


def _string_content(text: bytes) -> bytes:
    try:
        value = read_json(text)
    except ValueError:
        raise _not_json() from None
    return str(value).encode()


def _from_base64(text: bytes) -> bytes:
    try:
        # Without white space: many tools break base64 into lines.
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise _not_json() from None


def _not_json() -> BadMessage:
    return BadMessage("The message is neither JSON nor base64 of JSON; send a JSON object.")
