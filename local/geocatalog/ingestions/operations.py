"""Operations: what the service does after it has answered 202."""

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from local.basics.database import create_tables
from local.basics.json_text import json_text
from local.geocatalog import timestamps
from local.geocatalog.behavior import Behavior
from local.geocatalog.errors import IngestionError, IngestionErrorCode
from local.geocatalog.storage.storage import STORAGE_FAULTS

logger = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE operations (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    collection TEXT,
    status TEXT NOT NULL,
    document TEXT NOT NULL
);
"""

# Part of an operation's time that it waits before it runs, where it does not run from the start.
_PENDING_SHARE = 0.3

# How long a running operation takes to notice that it was cancelled, in seconds; one that ends sooner ends
# as if nobody had asked.
_CANCEL_SECONDS = 0.1


class OperationStatus(StrEnum):
    """States of an operation, as its `status` shows them; the history says `Finished` for Succeeded."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    CANCELING = "Canceling"
    CANCELED = "Canceled"
    FAILED = "Failed"


class OperationType(StrEnum):
    """Kinds of operation."""

    ADD_COLLECTION = "AddCollection"
    DELETE_COLLECTION = "DeleteCollection"
    ADD_ITEM = "AddItem"
    UPDATE_ITEM = "UpdateItem"
    DELETE_ITEM = "DeleteItem"
    INGESTION_STATIC_CATALOG = "IngestionStaticCatalog"
    INGESTION_STAC_GEOPARQUET = "IngestionStacGeoparquet"
    DELETE_INGESTION = "DeleteIngestion"


_OF_ITEMS = frozenset({OperationType.ADD_ITEM, OperationType.UPDATE_ITEM, OperationType.DELETE_ITEM})

# These carry start, finish and totals; operations on collections and ingestions never do.
_WITH_TOTALS = frozenset(
    {
        *_OF_ITEMS,
        OperationType.INGESTION_STATIC_CATALOG,
        OperationType.INGESTION_STAC_GEOPARQUET,
    }
)


@dataclass(slots=True)
class Operation:
    """One operation; times are nanoseconds since 1970."""

    type: OperationType
    collection_id: str
    total_items: int = 0
    information: dict[str, str] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: int = field(default_factory=timestamps.now)
    status: OperationStatus = OperationStatus.PENDING
    history: list[dict[str, str]] = field(default_factory=list)
    started: bool = False
    finished: int | None = None
    succeeded_items: int = 0
    failed_items: int = 0
    error: IngestionError | None = None

    def __post_init__(self) -> None:
        self._note(OperationStatus.PENDING)

    @property
    def pending_items(self) -> int:
        """How many items are still to be worked on."""
        return self.total_items - self.succeeded_items - self.failed_items

    def run(self) -> None:
        """Enter the state Running."""
        self.status = OperationStatus.RUNNING
        self.started = True
        self._note(OperationStatus.RUNNING)

    def ask_to_cancel(self) -> None:
        """Enter the state Canceling."""
        self.status = OperationStatus.CANCELING

    def succeed(self) -> None:
        """End well."""
        self._end(OperationStatus.SUCCEEDED)
        self._note("Finished")

    def fail(self, error: IngestionError) -> None:
        """End badly; items that nothing was said of count as failed."""
        self.error = error
        self.failed_items += self.pending_items
        self._end(OperationStatus.FAILED)
        self._note(OperationStatus.FAILED, error)

    def cancel(self) -> None:
        """End because somebody asked for it; one that never ran shows that in its history and totals."""
        self._end(OperationStatus.CANCELED)
        if not self.started:
            self.history.clear()
            self.total_items = 0
        message = f"Operation '{self.id}' for collection '{self.collection_id}' has been cancelled"
        self._note(OperationStatus.CANCELED, IngestionError(IngestionErrorCode.CANCELED_OPERATION, message))

    def totals(self) -> dict[str, int]:
        """Give the counts of items by their wire names."""
        return {
            "TotalFailedItems": self.failed_items,
            "TotalItems": self.total_items,
            "TotalPendingItems": self.pending_items,
            "TotalSuccessfulItems": self.succeeded_items,
        }

    def to_dict(self) -> dict[str, object]:
        """Give the operation as the service shows it."""
        document: dict[str, object] = {
            "id": self.id,
            "status": self.status,
            "statusHistory": self.history,
            "type": self.type,
            "creationTime": timestamps.seven_digits(self.created),
        }
        if self.type in _WITH_TOTALS and self.started:
            document["startTime"] = timestamps.seven_digits(self.created)
        if self.type in _WITH_TOTALS and self.finished is not None:
            document["finishTime"] = timestamps.seven_digits(self.finished)
        document["collectionId"] = self.collection_id
        if self.information is not None:
            document["additionalInformation"] = self.information
        elif self.type in _WITH_TOTALS and (self.started or self.finished is not None):
            document["additionalInformation"] = {name: str(count) for name, count in self.totals().items()}
        if self.error is not None:
            document["error"] = {"error": {"code": self.error.code, "message": self.error.message}}
        return document

    def _end(self, status: OperationStatus) -> None:
        self.status = status
        self.finished = timestamps.now()

    def _note(self, status: str, error: IngestionError | None = None) -> None:
        entry = {"status": str(status), "timestamp": timestamps.seven_digits(timestamps.now())}
        if error is not None:
            entry |= {"errorCode": error.code, "errorMessage": error.message}
        self.history.append(entry)


Work = Callable[[Operation], Awaitable[None]]
Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Open:
    """An operation that has not ended: its task, and what takes back what was done before it began."""

    operation: Operation
    task: asyncio.Task[None]
    undo: Undo | None


class Operations:
    """All operations: open ones as tasks of the event loop, ended ones in the database.

    Args:
        database: The working store.
        behavior: Says how long operations take, which fail and which are forgotten.
    """

    def __init__(self, database: sqlite3.Connection, behavior: Behavior) -> None:
        create_tables(database, _SCHEMA)
        self._database = database
        self._behavior = behavior
        self._open: dict[str, _Open] = {}

    def start(self, operation: Operation, work: Work, undo: Undo | None = None) -> str:
        """Begin an operation.

        Args:
            operation: The new operation.
            work: What it does once it runs; an `IngestionError` makes it fail.
            undo: Called where it ends in any way but well.

        Returns:
            The operation as JSON text, still Pending.
        """
        document = json_text(operation.to_dict())
        if operation.type in _OF_ITEMS and self._behavior.settings.decisions.item_operations_start == "running":
            operation.run()
        self._database.execute(
            "INSERT INTO operations (id, collection, status, document) VALUES (?, ?, ?, ?)",
            (operation.id, operation.collection_id, operation.status, document),
        )
        task = asyncio.create_task(self._live(operation, work))
        self._open[operation.id] = _Open(operation, task, undo)
        return document

    def find(self, operation_id: str) -> str | None:
        """Give an operation as JSON text, or None where it is not there or forgotten."""
        if self._behavior.is_forgotten(operation_id):
            return None
        if operation_id in self._open:
            return json_text(self._open[operation_id].operation.to_dict())
        row = self._database.execute("SELECT document FROM operations WHERE id = ?", (operation_id,)).fetchone()
        return None if row is None else row[0]

    def page(self, top: int, skip: int, collection: str | None, status: str | None) -> list[str]:
        """Give operations as JSON text, newest first.

        Args:
            top: How many at most.
            skip: How many of the newest to leave out.
            collection: Only those of this collection.
            status: Only those with this status.

        Returns:
            The operations.
        """
        forgotten = self._behavior.settings.forget_operations
        if forgotten is True:
            return []
        hidden = json_text(forgotten or [])
        rows = self._database.execute(
            "SELECT id, document FROM operations WHERE (?1 IS NULL OR collection = ?1) AND (?2 IS NULL OR status = ?2)"
            " AND id NOT IN (SELECT value FROM json_each(?3)) ORDER BY number DESC LIMIT ?4 OFFSET ?5",
            (collection, status, hidden, top, skip),
        )
        return [
            json_text(self._open[operation_id].operation.to_dict()) if operation_id in self._open else document
            for operation_id, document in rows
        ]

    def is_open(self, operation_id: str) -> bool:
        """Tell whether an operation has not ended."""
        return operation_id in self._open

    def open_of(self, collection_id: str, kind: OperationType) -> bool:
        """Tell whether a collection has an operation of this type that has not ended."""
        return any(
            one.operation.type is kind and one.operation.collection_id == collection_id for one in self._open.values()
        )

    def cancel(self, operation_id: str) -> None:
        """Ask one operation to end; one that has ended stays as it is."""
        if operation_id not in self._open:
            return
        operation, task = self._open[operation_id].operation, self._open[operation_id].task
        if operation.status is OperationStatus.PENDING:
            # A task that never ran does not see its cancellation, so the state is set here.
            operation.cancel()
            self._close(operation)
            task.cancel()
        elif operation.status is OperationStatus.RUNNING:
            operation.ask_to_cancel()
            self._save_status(operation)
            asyncio.get_running_loop().call_later(_CANCEL_SECONDS, task.cancel)

    def cancel_all(self) -> None:
        """Ask every open operation of the whole catalogue to end."""
        for operation_id in list(self._open):
            self.cancel(operation_id)

    async def stop(self) -> None:
        """End all tasks, because the emulator stops."""
        tasks = [one.task for one in self._open.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _save_status(self, operation: Operation) -> None:
        self._database.execute("UPDATE operations SET status = ? WHERE id = ?", (operation.status, operation.id))

    async def _live(self, operation: Operation, work: Work) -> None:
        seconds = self._behavior.draw_ingest_seconds()
        try:
            if not operation.started:
                await asyncio.sleep(seconds * _PENDING_SHARE)
                seconds -= seconds * _PENDING_SHARE
                operation.run()
                self._save_status(operation)
            await asyncio.sleep(seconds)
            self._behavior.maybe_fail(operation.type)
            await work(operation)
        except IngestionError as error:
            operation.fail(error)
        except asyncio.CancelledError:
            if operation.finished is not None:
                return
            operation.cancel()
        except STORAGE_FAULTS as error:
            logger.warning("%s of %s: managed storage failed: %s", operation.type, operation.collection_id, error)
            operation.fail(IngestionError(IngestionErrorCode.INTERNAL_ERROR, "Managed storage cannot be reached"))
        except Exception:
            logger.exception("%s of %s failed", operation.type, operation.collection_id)
            message = "The emulator failed; its log says where."
            operation.fail(IngestionError(IngestionErrorCode.INTERNAL_ERROR, message))
        else:
            operation.succeed()
        self._close(operation)

    def _close(self, operation: Operation) -> None:
        undo = self._open.pop(operation.id).undo
        if undo is not None and operation.status is not OperationStatus.SUCCEEDED:
            undo()
        self._database.execute(
            "UPDATE operations SET status = ?, document = ? WHERE id = ?",
            (operation.status, json_text(operation.to_dict()), operation.id),
        )
