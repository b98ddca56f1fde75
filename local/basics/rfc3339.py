"""RFC 3339 times, read."""

import re
from datetime import UTC, datetime

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


def parse_rfc3339(text: object) -> datetime:
    """Read an RFC 3339 time.

    Args:
        text: Such as `2026-04-15T10:00:00Z`; any number of fractional digits.

    Returns:
        An aware datetime.

    Raises:
        ValueError: It is not such a time.
    """
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-04-15T10:00:00Z")
    return datetime.fromisoformat(text.upper())


def seconds_of(moment: datetime) -> float:
    """Return an aware datetime as seconds since 1970, before 1970 included."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
