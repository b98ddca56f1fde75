"""The present moment, always aware and in UTC, and the forms that timestamps take."""

import re
from datetime import UTC, datetime

# The first moment a column of a table can hold
# (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
EARLIEST_MOMENT = datetime(1601, 1, 1, tzinfo=UTC)
# Later moments leave no room for adding a duration.
LATEST_MOMENT = datetime(9998, 12, 31, tzinfo=UTC)

_FRACTION = re.compile(r"\.(\d+)")


def utc_now() -> datetime:
    """Returns the present moment in UTC."""
    return datetime.now(UTC)


def parse_timestamp(text: str) -> datetime:
    """Reads an ISO 8601 / RFC 3339 timestamp with any number of fractional digits.

    GeoCatalog writes six or seven fractional digits and drops trailing zeros; Python reads at most six.

    Args:
        text: such as `2026-04-16T15:10:37.3934879Z`; without an offset it is taken as UTC.

    Returns:
        The moment in UTC.

    Raises:
        ValueError: it is not a timestamp.
    """
    shortened = _FRACTION.sub(lambda match: "." + match.group(1)[:6].ljust(6, "0"), text.strip(), count=1)
    moment = datetime.fromisoformat(shortened)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment before the year 1 or after 9999 in UTC") from None


def format_timestamp(moment: datetime) -> str:
    """Writes a moment as RFC 3339 in UTC, such as `2026-04-16T15:10:37.393487Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
