"""Timestamps: those with one meaning are written in UTC, as STAC asks; the others are refused with what is wrong."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.stac.conversions.findings import Conversion, Findings

# The fields that hold a moment: common metadata (datetime.json), and the timestamps extension (github.com/
# stac-extensions/timestamps). A field of a producer's own that only ends in `datetime` is never touched.
FIELDS = (
    "datetime",
    "start_datetime",
    "end_datetime",
    "created",
    "updated",
    "published",
    "expires",
    "unpublished",
)
_RANGE = ("start_datetime", "end_datetime")

# What STAC's own schema accepts (datetime.json): RFC 3339 in UTC. It stays byte for byte.
_ACCEPTED = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", re.ASCII)
_READABLE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)([.,](?P<fraction>\d+))?)?"
    r" ?(?P<zone>[Zz]|[+\-\u2212]\d\d(:?\d\d)?)?",
    re.ASCII,
)
_LAST_HOUR, _LAST_SECOND = 23, 59


class BadTimestamp(ValueError):
    """A text that is no moment with one meaning; its message says why, and what to write."""


def in_utc(text: str) -> str:
    """Return a timestamp in UTC: the text itself where STAC's schema accepts it, otherwise the same moment with Z.

    A timestamp without an offset is in UTC, as the Planetary Computer and pystac read it.

    Args:
        text: such as `2024-02-05 07:00-05:00`.

    Raises:
        BadTimestamp: it has no meaning, or more than one.
    """
    found = _READABLE.fullmatch(text.strip())
    if found is None:
        raise BadTimestamp(_why_unreadable(text.strip()))
    if int(found["hour"]) > _LAST_HOUR:
        raise BadTimestamp("has an hour after 23; write 00:00 of the next day for 24:00")
    second = found["second"] or "00"
    if int(second) > _LAST_SECOND:
        raise BadTimestamp("is a leap second, which cannot be ordered; write 59 as its second")
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{found['hour']}:{found['minute']}:{second}")
        moment -= _offset(found["zone"] or "Z")
    except (ValueError, OverflowError):
        raise BadTimestamp("is not a moment that exists; correct its date, time or offset") from None
    if _ACCEPTED.fullmatch(text):
        return text
    fraction = f".{found['fraction']}" if found["fraction"] else ""
    return f"{moment.isoformat()}{fraction}Z"


def is_naive(text: str) -> bool:
    """Tell whether a timestamp has no offset, so that it only orders against others like it."""
    found = _READABLE.fullmatch(text.strip())
    return found is not None and found["zone"] is None


def instant(text: str) -> tuple[datetime, str]:
    """Return what orders timestamps, whatever their number of digits: the second in UTC, and the fraction of it.

    Raises:
        BadTimestamp: see in_utc.
    """
    date, _, fraction = in_utc(text).removesuffix("Z").removesuffix("+00:00").partition(".")
    return datetime.fromisoformat(date.upper()).replace(tzinfo=UTC), fraction.rstrip("0")


def convert_timestamps(fields: dict[str, Any], place: str, findings: Findings) -> None:
    """Write the moments of an object in UTC.

    Args:
        fields: the properties of an item, an asset, or a collection; changed in place.
        place: where it stands; empty for the document itself.
        findings: told what was changed, and of what cannot be.
    """
    read = {}
    for name in FIELDS:
        where = f"{place}/{name}".lstrip("/")
        moment = converted_timestamp(fields.get(name), where, findings)
        if moment is not None:
            fields[name] = read[name] = moment
    if read.keys() >= set(_RANGE):
        check_range(read[_RANGE[0]], read[_RANGE[1]], f"{place}/{_RANGE[1]}".lstrip("/"), findings)


def converted_timestamp(value: object, place: str, findings: Findings) -> str | None:
    """Return a timestamp in UTC; None where the value is no text, or no moment, which is told then."""
    if not isinstance(value, str):
        return None
    try:
        moment = in_utc(value)
    except BadTimestamp as error:
        findings.fault(f"it {error}", place)
        return None
    if moment != value:
        findings.converted(Conversion.TIMESTAMP, place)
    return moment


def check_range(start: str, end: str, place: str, findings: Findings) -> None:
    """Tell of a range that ends before it starts; one moment is a range too."""
    if instant(end) < instant(start):
        findings.fault("it is before the start of the range; swap the two, or correct one", place)


def _offset(zone: str) -> timedelta:
    if zone in {"Z", "z"}:
        return timedelta()
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > _LAST_HOUR or minutes > _LAST_SECOND:
        raise ValueError("an offset that no clock has")
    offset = timedelta(hours=hours, minutes=minutes)
    return offset if zone[0] == "+" else -offset


def _why_unreadable(text: str) -> str:
    if re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?|\d{8}", text):
        return "is a date without a time; write the moment, such as 2024-02-05T00:00:00Z"
    if re.search(r"[+\-]\d\d:?\d\d[Zz]$", text):
        return "has both an offset and Z, and they contradict each other; keep the one that is meant"
    if re.match(r"[+\-]?\d{5,}-", text):
        return "has a year of more than four digits; write four, such as 2024-02-05T13:13:01Z"
    return "is not a timestamp; write one such as 2024-02-05T13:13:01Z"
