"""Table `deadletters`: messages that could not be tied to an item or a collection, each with its reason."""

import contextlib
import hashlib
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableServiceClient, UpdateMode

from shared import telemetry
from shared.basics.clock import utc_now
from shared.basics.errors import IngestionError
from shared.storage.tables import DEADLETTERS, Query, Table

# A binary property holds 64 KiB
# (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
_MAX_BODY = 65_536
# Of many messages with the same body one at a time can be counted. Whoever meets others so often leaves them to it: the
# row stands, and the count is short of one. To insist would hold up a function for minutes.
_MAX_CONFLICTS = 3


class DeadLetters:
    """Table `deadletters`: PartitionKey = the queue the message was on, RowKey = digest of its body.

    Args:
        tables: client of the storage account's tables.
        now: tells the present moment.
    """

    def __init__(self, tables: TableServiceClient, *, now: Callable[[], datetime] = utc_now) -> None:
        self._table = Table(tables, DEADLETTERS)
        self._now = now

    def record(self, queue: str, body: bytes, error: IngestionError, *, correlation_id: str | None = None) -> None:
        """Keeps a message with its reason; the same body again raises its count, unless many come at that moment.

        Args:
            queue: name of the queue the message was on.
            body: the body as it came, kept compressed.
            error: why it could not be used.
            correlation_id: that of its message, which an entry of a file does not carry itself.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        key = hashlib.sha256(body).hexdigest()
        compressed = zlib.compress(body)
        now = self._now()
        for _ in range(_MAX_CONFLICTS):
            known: Any = self.get(queue, key)
            entity = {
                "PartitionKey": queue,
                "RowKey": key,
                "reason": error.message,
                "error_code": str(error.code),
                "body": compressed if len(compressed) <= _MAX_BODY else b"",
                "count": int(known["count"]) + 1 if known else 1,
                "first_seen": known["first_seen"] if known else now,
                "last_seen": now,
                "correlation_id": correlation_id or "",
            }
            try:
                if known is None:
                    self._table.run(lambda client, e=entity: client.create_entity(e))  # type: ignore[misc]
                else:
                    self._table.run(
                        lambda client, e=entity, etag=known.metadata["etag"]: client.update_entity(  # type: ignore[misc]
                            e, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
                        )
                    )
            except (ResourceExistsError, ResourceModifiedError):
                continue  # counted by someone else in between: read again
            break
        telemetry.count_dead_letter(queue, str(error.code))

    def rows(self, queue: str | None = None, *, select: Sequence[str] | None = None) -> Iterator[Mapping[str, Any]]:
        """Reads the dead letters.

        Args:
            queue: the queue they were on; None for all.
            select: the columns to read; None for all.
        """
        condition = "PartitionKey eq @queue" if queue else "PartitionKey gt @queue"
        return self._table.query(Query(condition, {"queue": queue or ""}, select))

    def get(self, queue: str, key: str) -> Mapping[str, Any] | None:
        """Reads one dead letter; None where it is gone.

        Args:
            queue: the queue it was on.
            key: digest of its body.
        """
        try:
            return self._table.run(lambda client: client.get_entity(queue, key))
        except ResourceNotFoundError:
            return None

    def forget(self, row: Any) -> None:  # noqa: ANN401 - an entity, whose metadata holds its etag
        """Removes a dead letter, because its message was sent again or is of no use.

        One that was recorded anew since it was read stays.
        """
        condition = {"etag": row.metadata["etag"], "match_condition": MatchConditions.IfNotModified}
        keys = str(row["PartitionKey"]), str(row["RowKey"])
        with contextlib.suppress(ResourceModifiedError, ResourceNotFoundError):
            self._table.run(lambda client: client.delete_entity(*keys, **condition))

    def remove_before(self, moment: datetime, *, end: float) -> int:
        """Removes the dead letters that were last seen before a moment.

        Args:
            moment: the moment.
            end: when `time.monotonic()` says so, the rest is left for another time.

        Returns:
            How many were removed.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        removed = 0
        for row in self._table.query(Query("last_seen lt @at", {"at": moment}, ["PartitionKey", "RowKey"])):
            self.forget(row)
            removed += 1
            if time.monotonic() > end:
                break
        return removed


def body_of(row: Mapping[str, Any]) -> bytes:
    """Returns the body of a dead letter as it came; empty where it was too large to keep."""
    return zlib.decompress(row["body"]) if row.get("body") else b""
