"""Times as the service writes them: UTC with `Z`, 6 or 7 fractional digits, trailing zeros dropped."""

import time
from datetime import UTC, datetime
from functools import lru_cache

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
