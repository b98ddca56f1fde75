"""Times as the service writes them: UTC with `Z`, 6 or 7 fractional digits, trailing zeros dropped."""

import re
import time
from datetime import UTC, datetime
from functools import lru_cache

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_NANOSECONDS = 1_000_000_000


def now() -> int:
    """Give the present as nanoseconds since 1970."""
    return time.time_ns()


def seven_digits(moment: int) -> str:
    """Write nanoseconds since 1970 with up to seven fractional digits, as operations carry them."""
    return _write(moment, 100, 7)


def six_digits(moment: int) -> str:
    """Write nanoseconds since 1970 with up to six fractional digits, as STAC objects carry them."""
    return _write(moment, 1000, 6)


def seconds_only(moment: datetime) -> str:
    """Write an aware datetime in whole seconds, as SAS expiries are."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(moment: int, unit: int, digits: int) -> str:
    seconds, fraction = divmod(moment, _NANOSECONDS)
    text = _to_seconds(seconds)
    decimals = f"{fraction // unit:0{digits}d}".rstrip("0")
    return f"{text}.{decimals}Z" if decimals else f"{text}Z"


@lru_cache(maxsize=16)
def _to_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


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
