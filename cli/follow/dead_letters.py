"""Reads the dead letters that a filter takes."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.options.moments import parse_moment
from shared.basics.errors import BadMessage
from shared.clients import Clients
from shared.messages.decoding import decode_body, read_object
from shared.records.deadletters import body_of

_WITHOUT_BODY = (
    "PartitionKey",
    "RowKey",
    "reason",
    "error_code",
    "count",
    "first_seen",
    "last_seen",
    "correlation_id",
)


@dataclass(frozen=True)
class LetterFilter:
    """Which dead letters to take.

    Attributes:
        queue: the queue they were on; None for all.
        error_code: only those with this code.
        correlation_id: only those whose message carries this mark.
        older_than: only those last seen before this moment.
        newer_than: only those last seen after this moment.
    """

    queue: str | None = None
    error_code: str | None = None
    correlation_id: str | None = None
    older_than: dt.datetime | None = None
    newer_than: dt.datetime | None = None

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Tells whether a dead letter of the queue is wanted."""
        if self.error_code and str(row.get("error_code") or "").casefold() != self.error_code.casefold():
            return False
        seen = row.get("last_seen")
        if self.older_than and (seen is None or seen > self.older_than):
            return False
        if self.newer_than and (seen is None or seen < self.newer_than):
            return False
        return not self.correlation_id or mark_of(row) == self.correlation_id


def make_letter_filter(
    *,
    queue: str | None,
    error_code: str | None,
    correlation_id: str | None,
    older_than: str | None,
    newer_than: str | None,
) -> LetterFilter:
    """Makes a filter from the options of a command.

    Raises:
        CommandError: an age is malformed.
    """
    return LetterFilter(
        queue=queue,
        error_code=error_code,
        correlation_id=correlation_id,
        older_than=parse_moment(older_than, is_past=True, option="--older-than") if older_than else None,
        newer_than=parse_moment(newer_than, is_past=True, option="--newer-than") if newer_than else None,
    )


def find_letters(wanted: LetterFilter, app: Clients, *, with_bodies: bool = False) -> Iterator[Mapping[str, Any]]:
    """Reads the dead letters that a filter takes.

    Args:
        wanted: which dead letters.
        app: the clients.
        with_bodies: whether to read the bodies too; a filter by mark reads them in any case.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    columns = None if with_bodies or wanted.correlation_id else _WITHOUT_BODY
    return filter(wanted.takes, app.deadletters.rows(wanted.queue, select=columns))


def mark_of(row: Mapping[str, Any]) -> str | None:
    """Returns the mark of a dead letter's message; None where it has none, or neither row nor body kept it."""
    if row.get("correlation_id"):
        return str(row["correlation_id"])
    try:
        mark = read_object(decode_body(body_of(row))).get("correlation_id")
    except BadMessage:
        return None
    return mark if isinstance(mark, str) else None
