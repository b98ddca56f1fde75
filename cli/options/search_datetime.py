"""Writes days, months and years as the RFC 3339 moments that a STAC API search takes."""

import calendar
import re

from cli.output.faults import usage_error

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_OPEN_ENDS = frozenset({"", ".."})


def search_datetime(text: str | None) -> str | None:
    """Writes a moment or range as a search takes it.

    Args:
        text: a moment, or two with a slash between; each may be a day, a month or a year, or `..` for an open end.

    Returns:
        The same with whole moments; a single day, month or year becomes a range.

    Raises:
        CommandError: it is no moment or range.
    """
    if text is None:
        return None
    start, separator, end = text.strip().partition("/")
    if "/" in end or (not separator and start in _OPEN_ENDS):
        raise usage_error(f"--datetime takes a moment or a range such as 2024-02-04/2024-02-11; not {text!r}.")
    if not separator:
        return f"{_moment(start, is_end=False)}/{_moment(start, is_end=True)}" if _PARTIAL.fullmatch(start) else start
    return f"{_moment(start, is_end=False)}/{_moment(end, is_end=True)}"


def _moment(text: str, *, is_end: bool) -> str:
    if text in _OPEN_ENDS:
        return ".."
    found = _PARTIAL.fullmatch(text)
    if found is None:
        return text
    year, month, day = found[1], found[2] or ("12" if is_end else "01"), found[3]
    if not 1 <= int(month) <= 12:  # noqa: PLR2004 - the months of a year
        raise usage_error(f"--datetime: there is no month {month}.")
    if day is None:
        day = f"{calendar.monthrange(int(year), int(month))[1]:02}" if is_end else "01"
    return f"{year}-{month}-{day}T{'23:59:59' if is_end else '00:00:00'}Z"
