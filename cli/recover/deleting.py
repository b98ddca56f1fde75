"""`geocatalog delete`: sends deletions and waits until each is done."""

import time
import uuid
from dataclasses import dataclass

from cli.follow.rejections import Rejections
from cli.output.waiting import wait_for
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.messages.models import QueueName
from shared.records.status_rows import ITEM_PREFIX, TERMINAL, ItemStatus
from shared.stac.ids import check_collection_id, check_item_id

# So many rows are read before the clock is looked at again: enough for all threads, and some tenths of a second.
_PORTION = 200
_COLUMNS = ("status", "correlation_id", "error_code", "error_message")


@dataclass(frozen=True)
class Deleted:
    """What became of the deletions.

    Attributes:
        deleted: ids of items that are gone.
        failed: why others are not, by id.
        waiting: ids of those that were not seen to be done in time, or not waited for.
    """

    deleted: list[str]
    failed: dict[str, str]
    waiting: list[str]


def delete_items(collection: str, item_ids: list[str], app: Clients, *, waits: bool, seconds: float) -> Deleted:
    """Sends one deletion per item, and waits for their outcomes.

    Args:
        collection: id of the collection.
        item_ids: ids of the items.
        app: the clients.
        waits: whether to wait.
        seconds: how long.

    Raises:
        BadMessage: an id is not one GeoCatalog takes; nothing was sent.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    check_collection_id(collection)
    for item_id in item_ids:
        check_item_id(item_id)
    mark = uuid.uuid4().hex
    for item_id in item_ids:
        message = {"collection": collection, "id": item_id, "correlation_id": mark}
        app.queues.send(QueueName.DELETIONS, message)
    if not waits:
        return Deleted([], {}, item_ids)
    done: dict[str, tuple[ItemStatus, str]] = {}

    give_up = time.monotonic() + seconds

    def look() -> bool | None:
        awaited = [item_id for item_id in item_ids if item_id not in done]
        for start in range(0, len(awaited), _PORTION):
            done.update(_ended(collection, awaited[start : start + _PORTION], mark, app))
            if time.monotonic() > give_up:
                break
        return True if len(done) == len(item_ids) else None

    wait_for(look, what=f"{len(item_ids):,} deletions", seconds=seconds)
    return Deleted(
        deleted=[item_id for item_id, (status, _) in done.items() if status is ItemStatus.DELETED],
        failed={item_id: why for item_id, (status, why) in done.items() if status is not ItemStatus.DELETED},
        waiting=[item_id for item_id in item_ids if item_id not in done],
    )


def _ended(collection: str, item_ids: list[str], mark: str, app: Clients) -> dict[str, tuple[ItemStatus, str]]:
    # Row by row: a query would go through all items of the collection, however many there are.
    rows = run_all(lambda item_id: app.status.read(collection, ITEM_PREFIX + item_id, select=_COLUMNS), item_ids)
    return {
        item_id: (
            ItemStatus(row["status"]),
            f"{row.get('error_code') or ''} {row.get('error_message') or ''}".strip(),
        )
        for item_id, row in zip(item_ids, rows, strict=True)
        if row is not None and row.get("correlation_id") == mark and row["status"] in TERMINAL
    }


def delete_collection(collection: str, app: Clients, *, waits: bool, seconds: float) -> str | None:
    """Sends the deletion of a whole collection, and waits for its outcome.

    Args:
        collection: id of the collection.
        app: the clients.
        waits: whether to wait.
        seconds: how long.

    Returns:
        None where it is done (or was not waited for); otherwise why it is not, in a sentence.

    Raises:
        BadMessage: the id is not one GeoCatalog takes; nothing was sent.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    check_collection_id(collection)
    mark = uuid.uuid4().hex
    message = {"collection": collection, "confirm": collection, "correlation_id": mark}
    if not waits:
        app.queues.send(QueueName.DELETIONS, message)
        return None
    rejected = Rejections(QueueName.DELETIONS, app)
    app.queues.send(QueueName.DELETIONS, message)

    def look() -> str | None:
        row = app.status.get_collection(collection)
        if row.get("deletion_correlation_id") == mark:
            code, said = row.get("deletion_error_code"), row.get("deletion_error_message")
            return f"GeoCatalog did not delete the collection: {code} {said or ''}".rstrip() if code else ""
        return rejected.reasons([mark]).get(mark)

    found = wait_for(look, what=f"the deletion of {collection}", seconds=seconds)
    if found is None:
        return f"Not done within {seconds:.0f} s; it goes on by itself. Is the app running? See geocatalog status."
    return found or None
