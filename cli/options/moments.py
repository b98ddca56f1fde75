"""Reads durations and moments as people write them."""

import datetime as dt
import re

from cli.output.faults import usage_error
from shared.basics.clock import parse_timestamp, utc_now

_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ISO = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE)
_ISO_SECONDS = (604_800, 86_400, 3600, 60, 1)


def parse_duration(text: str) -> dt.timedelta | None:
    """Reads a duration such as `90s`, `10m`, `2h`, `7d` or `PT10M`; None where it is none."""
    short = _SHORT.fullmatch(text.strip())
    if short:
        return dt.timedelta(seconds=float(short[1]) * _SECONDS[short[2].lower()])
    iso = _ISO.fullmatch(text.strip())
    if iso and any(iso.groups()):
        return dt.timedelta(
            seconds=sum(float(n) * size for n, size in zip(iso.groups(), _ISO_SECONDS, strict=True) if n)
        )
    return None


def parse_moment(text: str, *, is_past: bool, option: str) -> dt.datetime:
    """Reads a moment: a timestamp, or a duration from now.

    Args:
        text: such as `2026-04-16T15:10Z`, `2h` or `P1D`.
        is_past: whether a duration leads back from now.
        option: the option it was given with, for the error.

    Raises:
        CommandError: it is neither.
    """
    duration = parse_duration(text)
    if duration is not None:
        return utc_now() - duration if is_past else utc_now() + duration
    try:
        return parse_timestamp(text)
    except ValueError:
        raise usage_error(
            f"{option} takes a duration such as 90s, 10m, 2h, 7d or PT10M, or a timestamp; not {text!r}."
        ) from None
