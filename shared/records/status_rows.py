"""The rows of table `status`: one per item, one per open operation, and how they stand in the table.

PartitionKey is the collection's id. RowKeys: `item~{item id}`, `operation~{operation id}`, `failed~{item id}`,
`held~{item id}` and `waiting~{item id}` (indexes of the rows in those states), `count~{date}` and `collection`.
"""

import datetime as dt
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, TypeVar

from shared.basics.clock import format_timestamp
from shared.basics.json_codec import read_json
from shared.messages.envelope import Envelope
from shared.messages.models import IfExists, QueueName
from shared.messages.reading import wrapped

ITEM_PREFIX = "item~"
OPERATION_PREFIX = "operation~"
FAILED_PREFIX = "failed~"
HELD_PREFIX = "held~"
WAITING_PREFIX = "waiting~"
COUNT_PREFIX = "count~"
COLLECTION_KEY = "collection"

HISTORY_LENGTH = 10


class ItemStatus(StrEnum):
    """Where an item stands."""

    SUBMITTING = "Submitting"
    SUBMITTED = "Submitted"
    WAITING = "Waiting"
    HELD = "Held"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"
    DELETED = "Deleted"


TERMINAL = frozenset({ItemStatus.SUCCEEDED, ItemStatus.FAILED, ItemStatus.CANCELED, ItemStatus.DELETED})


class OperationKind(StrEnum):
    """What an operation does, in the service's own words."""

    ADD_ITEM = "AddItem"
    UPDATE_ITEM = "UpdateItem"
    DELETE_ITEM = "DeleteItem"
    DELETE_COLLECTION = "DeleteCollection"


# The states that people ask for by themselves, each with the prefix of its index.
INDEXES = {ItemStatus.FAILED: FAILED_PREFIX, ItemStatus.HELD: HELD_PREFIX, ItemStatus.WAITING: WAITING_PREFIX}


@dataclass(frozen=True)
class ItemRow:
    """The latest state of one item.

    Attributes:
        collection: id of the collection.
        item_id: id of the item.
        status: where it stands.
        queue: the queue its message belongs to: `items` or `deletions`.
        first_enqueued: when the first message of this content came; orders versions.
        version: what orders versions before `first_enqueued` does, where the item says so.
        version_is_naive: whether that was written without an offset, so that it orders only against others like it.
        in_catalog: whether GeoCatalog holds some version of it; None where not known.
        content_hash: SHA-256 of the content that was last worked on; empty where GeoCatalog's content is not known.
        hash_version: by which rules it was made; None in rows from before hashes had a version.
        stored_hash: hash of the content that last succeeded, which GeoCatalog holds; empty where that is not known.
        source: the feed, and the collection there, that it comes from; None for what others sent.
        deleted_hash: hash of the content that an operator deleted, so that it is known when it comes again.
        rival: another source that has an item of this id, which was not ingested.
        conversions: what was changed in the item so that GeoCatalog takes it, and what to know of it.
        attempt: how often its message was sent again.
        operation_failures: how many operations on this content failed in a way that may pass.
        error_code: the last fault's code.
        error_message: the last fault in a sentence.
        operation_id: its operation.
        submitted_at: when GeoCatalog accepted it.
        finished_at: when it came to its end.
        next_attempt: when it is tried again.
        is_in_waiting_index: whether index `waiting~` has it; None in rows of versions that did not know that index.
        claimed_until: end of the claim on it.
        claimed_by: who holds the claim.
        claimed_at: start of the claim.
        retry_since: start of the retry window.
        quiet_until: until when nothing newer is sent, after a lost response.
        uncertain_since: start of the first claim that may have written without anyone knowing.
        if_exists: what the message says of an existing item.
        correlation_id: carried through.
        traceparent: carried through.
        datetime: the item's own datetime.
        bbox: its bounding box as JSON text.
        history: the last changes, newest last.
        message: the original message, compressed.
        etag: version of the row in the table.
    """

    collection: str
    item_id: str
    status: ItemStatus
    queue: str
    first_enqueued: dt.datetime
    version: dt.datetime | None = None
    version_is_naive: bool | None = None
    in_catalog: bool | None = None
    content_hash: str = ""
    hash_version: int | None = None
    stored_hash: str = ""
    source: str | None = None
    deleted_hash: str = ""
    rival: str | None = None
    conversions: tuple[str, ...] = ()
    attempt: int = 0
    operation_failures: int = 0
    error_code: str | None = None
    error_message: str | None = None
    operation_id: str | None = None
    submitted_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    next_attempt: dt.datetime | None = None
    is_in_waiting_index: bool | None = None
    claimed_until: dt.datetime | None = None
    claimed_by: str | None = None
    claimed_at: dt.datetime | None = None
    retry_since: dt.datetime | None = None
    quiet_until: dt.datetime | None = None
    uncertain_since: dt.datetime | None = None
    if_exists: str = IfExists.REPLACE.value
    correlation_id: str | None = None
    traceparent: str | None = None
    datetime: str | None = None
    bbox: str | None = None
    history: tuple[dict[str, str], ...] = ()
    message: bytes = field(default=b"", repr=False)
    etag: str = field(default="", compare=False)

    @property
    def is_deletion(self) -> bool:
        """Whether the row's work is to delete the item."""
        return self.queue == QueueName.DELETIONS

    def is_of(self, envelope: Envelope) -> bool:
        """Tell whether the row's last work is that of this very message, or of a copy of it.

        The moment alone does not tell: the queue gives it in whole seconds, so that two messages can share one.
        """
        return self.first_enqueued == envelope.first_enqueued and self.correlation_id == envelope.correlation_id

    def envelope(self) -> Envelope:
        """Return the message that the row keeps, with what the row knows of its tries.

        Raises:
            ValueError: the row keeps none (it was cleared on success).
        """
        if not self.message:
            raise ValueError(f"the row of item {self.item_id} keeps no message")
        queue, body = QueueName(self.queue), zlib.decompress(self.message)
        envelope = Envelope(
            queue=queue,
            body=body,
            fields=wrapped(queue, read_json(body)),
            first_enqueued=self.first_enqueued,
            attempt=self.attempt,
            retry_since=self.retry_since,
            correlation_id=self.correlation_id or "",
            traceparent=self.traceparent,
        )
        return envelope.marked()

    def changed(self, status: ItemStatus, at: dt.datetime, **columns: Any) -> "ItemRow":
        """Returns the row in another status, with the change added to its history."""
        entry = {"at": format_timestamp(at), "status": status.value}
        code = columns.get("error_code")
        if code:
            entry["error_code"] = code
        return replace(self, status=status, history=appended(self.history, entry), **columns)


def appended(history: tuple[dict[str, str], ...], entry: dict[str, str]) -> tuple[dict[str, str], ...]:
    """Returns a history with one more entry and no more than are kept."""
    return (*history, entry)[-HISTORY_LENGTH:]


@dataclass(frozen=True)
class OperationRow:
    """One open operation. While it stands and is not detached, the item's row changes only together with it.

    Attributes:
        collection: id of the collection.
        operation_id: the service's id.
        kind: what it does.
        item_id: id of the item; empty for an operation on the collection.
        submitted_at: when GeoCatalog accepted it.
        correlation_id: carried through to the result.
        traceparent: the trace its outcome is told in.
        content_hash: hash of the content that was submitted; empty for a deletion.
        history: that of the item's row, so that closing it needs no reading.
        stalled: whether it is older than OPERATION_DEADLINE.
        detached: whether a newer version took the item's row over, so that it no longer belongs to this operation.
        next_poll: when a stalled one, or one that could not be checked, is asked for again.
        error_message: why the app could not check it, where that was a fault of the app's own.
        etag: version of the row in the table.
    """

    collection: str
    operation_id: str
    kind: OperationKind
    submitted_at: dt.datetime
    item_id: str = ""
    correlation_id: str | None = None
    traceparent: str | None = None
    content_hash: str = ""
    history: tuple[dict[str, str], ...] = ()
    stalled: bool = False
    detached: bool = False
    next_poll: dt.datetime | None = None
    error_message: str | None = None
    etag: str = field(default="", compare=False)


Row = TypeVar("Row", ItemRow, OperationRow)

_KEYS = {"collection", "etag"}
_LISTS = {"history", "conversions"}
_ENUMS: dict[str, type[StrEnum]] = {"status": ItemStatus, "kind": OperationKind}


def to_entity(row: ItemRow | OperationRow) -> dict[str, Any]:
    """Writes a row as a table entity; columns without a value are left out."""
    key = ITEM_PREFIX + row.item_id if isinstance(row, ItemRow) else OPERATION_PREFIX + row.operation_id
    entity: dict[str, Any] = {"PartitionKey": row.collection, "RowKey": key}
    for name, value in vars(row).items():
        if name in _KEYS or value is None or value in ("", b"", ()):
            continue
        if isinstance(value, tuple):
            entity[name] = json.dumps(value)
        else:
            entity[name] = value.value if isinstance(value, StrEnum) else value
    return entity


def item_row(entity: Mapping[str, Any]) -> ItemRow:
    """Reads an item's row."""
    return _from_entity(ItemRow, entity)


def operation_row(entity: Mapping[str, Any]) -> OperationRow:
    """Reads an operation's row."""
    return _from_entity(OperationRow, entity)


def _from_entity(kind: type[Row], entity: Mapping[str, Any]) -> Row:
    columns: dict[str, Any] = {"collection": entity["PartitionKey"], "etag": etag_of(entity)}
    for column in fields(kind):
        value = entity.get(column.name)
        if column.name in columns or value is None or value == "":
            continue
        if column.name in _ENUMS:
            value = _ENUMS[column.name](value)
        elif column.name in _LISTS:
            value = tuple(json.loads(value))
        elif isinstance(value, dt.datetime):
            # The SDK's own subclass carries extras that make comparison and pickling odd; a plain one is enough.
            value = dt.datetime.fromisoformat(value.isoformat()).astimezone(dt.UTC)
        columns[column.name] = value
    return kind(**columns)


def etag_of(entity: Mapping[str, Any]) -> str:
    """Returns the version of an entity that was read from the table."""
    metadata = getattr(entity, "metadata", {})
    return str(metadata.get("etag", ""))
