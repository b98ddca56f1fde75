"""Table `deadletters`: messages that could not be tied to an item or a collection, each with its reason."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, TableServiceClient, UpdateMode

from shared import telemetry
from shared.clock import utc_now
from shared.errors import IngestionError
from shared.tables import DEADLETTERS, Table

# A binary property holds 64 KiB
# (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
_MAX_BODY = 65_536


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
        """Keeps a message with its reason; the same body again raises its count.

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
        while True:
            try:
                known = self._table.run(lambda client: client.get_entity(queue, key))
            except ResourceNotFoundError:
                known = None
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
            telemetry.count_dead_letter(queue, str(error.code))
            return

    def rows(self, queue: str | None = None, *, select: Sequence[str] | None = None) -> Iterator[Mapping[str, Any]]:
        """Reads the dead letters.

        Args:
            queue: the queue they were on; None for all.
            select: the columns to read; None for all.
        """
        query = "PartitionKey eq @queue" if queue else "PartitionKey gt @queue"
        parameters = {"queue": queue or ""}
        columns = list(select) if select else None
        return iter(
            self._table.run(lambda client: list(client.query_entities(query, parameters=parameters, select=columns)))
        )

    def forget(self, row: Mapping[str, Any]) -> None:
        """Removes a dead letter, because its message was sent again or is of no use."""
        self._table.run(lambda client: client.delete_entity(str(row["PartitionKey"]), str(row["RowKey"])))

    def remove_before(self, moment: datetime) -> int:
        """Removes the dead letters that were last seen before a moment.

        Returns:
            How many were removed.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        return self._table.run(lambda client: _remove_before(client, moment))


def body_of(row: Mapping[str, Any]) -> bytes:
    """Returns the body of a dead letter as it came; empty where it was too large to keep."""
    return zlib.decompress(row["body"]) if row.get("body") else b""


def _remove_before(client: TableClient, moment: datetime) -> int:
    found = client.query_entities("last_seen lt @at", parameters={"at": moment}, select=["PartitionKey", "RowKey"])
    old = list(found)
    for letter in old:
        client.delete_entity(letter["PartitionKey"], letter["RowKey"])
    return len(old)
