"""Sends held items again at once: after a source came back, or when an operator says so."""

import logging
from collections.abc import Container
from dataclasses import replace
from datetime import timedelta

from shared.clients import Clients
from shared.group_commit import Conflict
from shared.item_work import copy_of
from shared.messages import next_attempt
from shared.status_rows import HELD_PREFIX, ItemRow, ItemStatus
from shared.stored_messages import work_of_row

log = logging.getLogger(__name__)


def resume_held(app: Clients, *, collection: str | None = None, codes: Container[str] | None = None) -> int:
    """Sends the held items of one collection, or of all, again at once.

    Args:
        app: the clients.
        collection: id of the collection; None for all.
        codes: the error codes to look for; None for all.

    Returns:
        How many were sent.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    collections = [collection] if collection else list(app.status.partitions())
    return sum(
        resume_item(name, str(entry["RowKey"]).removeprefix(HELD_PREFIX), app)
        for name in collections
        # All of them first: what is sent again may be held again meanwhile, and is not to be sent twice.
        for entry in list(app.status.query_prefix(name, HELD_PREFIX, select=["RowKey", "error_code"]))
        if codes is None or entry.get("error_code") in codes
    )


def resume_item(collection: str, item_id: str, app: Clients) -> bool:
    """Sends one item again at once if it is held; returns whether it was sent."""
    row = app.status.get(collection, item_id)
    if row is None or row.status is not ItemStatus.HELD:
        return False
    send_again(row, app)
    return True


def send_again(row: ItemRow, app: Clients, *, fresh_window: bool = False) -> None:
    """Sends the message of an item again at once; the copy that waits on the queue becomes a stale one.

    Args:
        row: the item's row, which keeps its message.
        app: the clients.
        fresh_window: whether its retry window and its count of failed operations start anew.
    """
    now = app.now()
    work = replace(work_of_row(row), attempt=next_attempt(row.attempt))
    if fresh_window:
        work = replace(work, retry_since=now)
        row = replace(row, operation_failures=0)
    app.queues.send(row.queue, copy_of(work), delay=timedelta(0))
    after = row.changed(ItemStatus.WAITING, now, attempt=work.attempt, retry_since=work.retry_since, next_attempt=now)
    try:
        app.status.update(row, after)
    except Conflict:
        log.info("Item %s/%s moved on by itself", row.collection, row.item_id)
