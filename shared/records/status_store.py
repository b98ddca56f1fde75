"""Reads and writes table `status`. Rows that belong together are written in one transaction."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.data.tables import TableServiceClient, UpdateMode

from shared.records.status_rows import (
    COLLECTION_KEY,
    INDEXES,
    ITEM_PREFIX,
    OPERATION_PREFIX,
    ItemRow,
    ItemStatus,
    OperationRow,
    item_row,
    operation_row,
    to_entity,
)
from shared.storage.group_commit import Conflict, GroupCommit
from shared.storage.tables import STATUS, Query, Table
from shared.storage.transactions import Write, submit_transaction

# A transaction holds 100 entities (learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions).
MAX_TRANSACTION = 100

# The status codes of a write whose condition no longer holds: someone else was quicker.
_CONFLICTS = frozenset({404, 409, 412})


class StatusStore:
    """Table `status`.

    Args:
        tables: client of the storage account's tables.
    """

    def __init__(self, tables: TableServiceClient) -> None:
        self._table = Table(tables, STATUS)
        # Apart, since inserts are refused wherever items are sent again, and changes hardly ever.
        self._inserts = GroupCommit(self.transact)
        self._changes = GroupCommit(self.transact)

    # Items

    def get(self, collection: str, item_id: str) -> ItemRow | None:
        """Reads the row of an item; None where there is none."""
        entity = self.read(collection, ITEM_PREFIX + item_id)
        return item_row(entity) if entity else None

    def insert(self, row: ItemRow) -> ItemRow | None:
        """Writes the row of an item that has none; returns it with its etag, or None where there is one already."""
        try:
            made = self._inserts.write(row.collection, [("create", to_entity(row))])
        except Conflict:
            return None
        return replace(row, etag=str(made[0]["etag"]))

    def update(self, before: ItemRow, after: ItemRow, also: Sequence[Write] = ()) -> ItemRow:
        """Replaces the row of an item, and keeps the indexes of states in step.

        Args:
            before: the row as it was read.
            after: the row as it is to be.
            also: what else is written in the same transaction.

        Returns:
            `after` with its new etag.

        Raises:
            Conflict: the row is no longer as it was read.
        """
        after = replace(after, is_in_waiting_index=after.status is ItemStatus.WAITING or None)
        writes = [_conditional("update", to_entity(after), before.etag), *_index_writes(before, after), *also]
        made = self._changes.write(after.collection, writes)
        return replace(after, etag=str(made[0]["etag"]))

    def submit(self, before: ItemRow, after: ItemRow, operation: OperationRow) -> None:
        """Writes that GeoCatalog accepted an item: its row and its operation's row together.

        Raises:
            Conflict: the item's row is no longer as it was read.
        """
        writes: list[Write] = [
            _conditional("update", to_entity(after), before.etag),
            ("create", to_entity(operation)),
        ]
        self._changes.write(after.collection, writes)

    # Operations

    def open_deletion(self, operation: OperationRow) -> None:
        """Writes that a collection is being deleted: the operation's row and the collection's own together."""
        columns = {"deleting_operation": operation.operation_id}
        entity = {"PartitionKey": operation.collection, "RowKey": COLLECTION_KEY, **columns}
        self.transact(
            [
                ("upsert", to_entity(operation), {"mode": UpdateMode.REPLACE}),
                ("upsert", entity, {"mode": UpdateMode.MERGE}),
            ]
        )

    def partitions(self) -> Iterator[str]:
        """Yields every collection that has rows, by hopping from one to the next without reading their items."""
        last = ""
        while True:
            parameters = {"last": last}
            found = self._table.run(
                lambda client, p=parameters: next(  # type: ignore[misc]
                    iter(
                        client.query_entities(
                            "PartitionKey gt @last", parameters=p, select=["PartitionKey"], results_per_page=1
                        )
                    ),
                    None,
                )
            )
            if found is None:
                return
            last = str(found["PartitionKey"])
            yield last

    def open_operations(self, collection: str) -> list[OperationRow]:
        """Reads the open operations of a collection, and nothing else of it."""
        return [operation_row(entity) for entity in self.query_prefix(collection, OPERATION_PREFIX)]

    def get_operation(self, collection: str, operation_id: str) -> OperationRow | None:
        """Reads the row of an open operation; None where it is not open."""
        entity = self.read(collection, OPERATION_PREFIX + operation_id)
        return operation_row(entity) if entity else None

    def detachment(self, collection: str, operation_id: str) -> Write:
        """Returns the write that parts a stalled operation from its item's row, which newer content takes over."""
        entity = {"PartitionKey": collection, "RowKey": OPERATION_PREFIX + operation_id, "detached": True}
        return ("update", entity, {"mode": UpdateMode.MERGE})

    def mark_stalled(self, operation: OperationRow, next_poll: dt.datetime) -> None:
        """Writes that an operation is past its deadline and when it is asked for again."""
        entity = to_entity(replace(operation, stalled=True, next_poll=next_poll))
        with contextlib.suppress(Conflict):  # closed or taken over meanwhile: no longer ours to mark
            self.transact([_conditional("update", entity, operation.etag)])

    def note_fault(self, operation: OperationRow, message: str, next_poll: dt.datetime) -> None:
        """Write to an operation's row why the app could not check it, and when it tries again."""
        entity = to_entity(replace(operation, error_message=message, next_poll=next_poll))
        with contextlib.suppress(Conflict):  # closed meanwhile: nothing is left to check
            self.transact([_conditional("update", entity, operation.etag)])

    # The collection's own row

    def get_collection(self, collection: str) -> Mapping[str, Any]:
        """Reads the collection's own row; empty where there is none."""
        return self.read(collection, COLLECTION_KEY) or {}

    def merge_collection(self, collection: str, columns: Mapping[str, Any], *, etag: str | None = None) -> str:
        """Writes columns of the collection's own row.

        Args:
            collection: id of the collection.
            columns: what to write; other columns stay.
            etag: the version that must still stand; empty for a row that must not exist yet; None for any.

        Returns:
            The new etag.

        Raises:
            Conflict: the row is no longer of that version.
        """
        entity = {"PartitionKey": collection, "RowKey": COLLECTION_KEY, **columns}
        if etag is None:
            made = self._table.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.MERGE))
            return str(made["etag"])
        write: Write = _conditional("update", entity, etag, mode=UpdateMode.MERGE) if etag else ("create", entity)
        return str(self.transact([write])[0]["etag"])

    # What the parts above are made of

    def read(self, collection: str, row_key: str, *, select: Sequence[str] | None = None) -> Mapping[str, Any] | None:
        """Reads one row, or some columns of it; None where there is none."""
        columns = list(select) if select else None
        try:
            return self._table.run(lambda client: client.get_entity(collection, row_key, select=columns))
        except ResourceNotFoundError:
            return None

    def query_prefix(
        self, collection: str, prefix: str, *, select: Sequence[str] | None = None, states: Iterable[ItemStatus] = (),
        or_marked: str | None = None, before_page: Callable[[], None] | None = None,
    ) -> Iterator[Mapping[str, Any]]:  # fmt: skip
        """Reads the rows of a collection whose keys start with `prefix`, which ends in `~`, a page at a time.

        Each page is asked for when its first row is; whoever stops early reads no more of them.

        Args:
            collection: id of the collection.
            prefix: start of the keys.
            select: the columns to read; None for all.
            states: only rows of items in these states, which the service picks out; empty for all.
            or_marked: with those, rows of items that carry this mark, in whatever state; alone, only these.
            before_page: called before each page; what it raises ends the reading.
        """
        values = {f"state{number}": state.value for number, state in enumerate(sorted(states))}
        conditions = [f"status eq @{name}" for name in values]
        if or_marked:
            conditions.append("correlation_id eq @mark")
            values["mark"] = or_marked
        condition = f"( {' or '.join(conditions)} )" if conditions else ""
        return self._table.query(_range_query(collection, prefix, condition, values, select=select), before_page)

    def changed_since(
        self, collection: str, moment: dt.datetime, *, select: Sequence[str], before_page: Callable[[], None]
    ) -> Iterator[Mapping[str, Any]]:
        """Reads the rows of a collection's items that were written since a moment, by the clock of the storage.

        Args:
            collection: id of the collection.
            moment: the moment.
            select: the columns to read.
            before_page: called before each page; what it raises ends the reading.
        """
        query = _range_query(collection, ITEM_PREFIX, "Timestamp ge @since", {"since": moment}, select=select)
        return self._table.query(query, before_page)

    def finished_before(
        self,
        collection: str,
        moment: dt.datetime,
        after: Any = None,  # noqa: ANN401 - the SDK's
    ) -> tuple[list[Mapping[str, Any]], Any]:
        """Reads a page of the rows of a collection's items that were finished before a moment.

        Args:
            collection: id of the collection.
            moment: the moment.
            after: what came with the page before; None for the first.

        Returns:
            The rows, and what leads to the next page; None after the last.
        """
        columns = ["PartitionKey", "RowKey", "status"]
        query = _range_query(collection, ITEM_PREFIX, "finished_at lt @at", {"at": moment}, select=columns)
        return self._table.page(query, after)

    def transact(self, writes: Sequence[Write]) -> Sequence[Mapping[str, Any]]:
        """Writes up to 100 rows of one collection, all or none.

        Returns:
            The metadata of each written row, with its etag.

        Raises:
            Conflict: a condition no longer holds.
        """
        try:
            return self._table.run(lambda client: submit_transaction(client, writes))
        except HttpResponseError as error:
            if error.status_code in _CONFLICTS:
                raise Conflict from error
            raise


def _range_query(
    collection: str, prefix: str, condition: str = "", values: Mapping[str, Any] | None = None,
    *, select: Sequence[str] | None = None,
) -> Query:  # fmt: skip
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    parameters = {"pk": collection, "low": prefix, "high": end, **(values or {})}
    keys = "PartitionKey eq @pk and RowKey ge @low and RowKey lt @high"
    return Query(keys + (condition and f" and {condition}"), parameters, select)


def _conditional(
    operation: str, entity: Mapping[str, Any], etag: str, *, mode: UpdateMode = UpdateMode.REPLACE
) -> Write:
    condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    return (operation, entity, condition if operation == "delete" else {**condition, "mode": mode})


def _index_writes(before: ItemRow, after: ItemRow) -> list[Write]:
    writes: list[Write] = []
    if after.status in INDEXES:
        tries = {"attempt": after.attempt, "next_attempt": after.next_attempt, "since": after.retry_since}
        code, message = after.error_code, after.error_message
        writes.append(index_entry(after.status, after.collection, after.item_id, code, message, **tries))
    if before.status is not after.status and _is_indexed(before):
        keys = {"PartitionKey": after.collection, "RowKey": INDEXES[before.status] + after.item_id}
        writes.append(("delete", keys))
    return writes


def _is_indexed(row: ItemRow) -> bool:
    # A row that began to wait under a version without that index has no entry, and to delete it would be a conflict.
    return row.status in INDEXES and (row.status is not ItemStatus.WAITING or bool(row.is_in_waiting_index))


def index_entry(
    status: ItemStatus, collection: str, item_id: str, code: str | None, message: str | None, **tries: Any
) -> Write:
    """Return the write that puts an item into the index of its state: `Failed`, `Held` or `Waiting`.

    Args:
        status: the state.
        collection: id of the collection.
        item_id: id of the item.
        code: the last fault's code.
        message: the last fault in a sentence.
        tries: `attempt`, `next_attempt` and `since` (start of the retry window), where they are known.
    """
    entity: dict[str, Any] = {"PartitionKey": collection, "RowKey": INDEXES[status] + item_id}
    entity |= {"error_code": code or "", "error_message": message or ""}
    entity |= {name: value for name, value in tries.items() if value is not None}
    return ("upsert", entity, {"mode": UpdateMode.REPLACE})


def deletion_of(operation: OperationRow) -> Write:
    """Return the write that deletes an operation's row, if it is still as it was read."""
    entity = {"PartitionKey": operation.collection, "RowKey": OPERATION_PREFIX + operation.operation_id}
    return ("delete", entity, if_match(operation.etag))


def if_match(etag: str) -> dict[str, Any]:
    """Return the options of a write that must find a row of this version."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}
