"""Dates in searches, which the open Planetary Computer takes beside times."""

import datetime as dt
import re

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def whole_days(interval: object) -> object:
    """Return an interval whose ends are times: a date alone begins with its first moment and ends with its last.

    Args:
        interval: The parameter `datetime` of a search: a time, or two with a slash between.

    Returns:
        The same, with times in the place of dates; what is neither stays as it is, for others to refuse.
    """
    if not isinstance(interval, str):
        return interval
    ends = interval.split("/")
    if not any(_DATE.fullmatch(end) for end in ends):
        return interval
    return f"{_moment(ends[0], dt.time.min)}/{_moment(ends[-1], dt.time.max)}"


def _moment(text: str, time_of_day: dt.time) -> str:
    return f"{text}T{time_of_day.isoformat()}Z" if _DATE.fullmatch(text) else text
