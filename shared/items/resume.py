"""Sends held items again at once: after a source came back, or when an operator says so."""

import itertools
import logging
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.delivery.delivery import Retry
from shared.records.status_rows import INDEXES, ItemRow, ItemStatus
from shared.services.operation_states import ACCESS_CODES
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)

_OF_INDEX = ("RowKey", "Timestamp", "error_code")
# So many at once: enough for all threads, few enough that a time limit is kept and a bar moves.
_PORTION = 200
# A function's share of functionTimeout (5 minutes) for this; what is left goes on by itself within 15 minutes.
RESUME_BUDGET = timedelta(minutes=1)


def resume_for_a_while(
    app: Clients,
    *,
    collection: str | None = None,
    codes: Container[str] | None = None,
    held_before: datetime | None = None,
    budget: timedelta = RESUME_BUDGET,
) -> bool:
    """Sends held items again at once, and stops when its time is over; what is left goes on by itself later.

    Args:
        app: the clients.
        collection: id of the collection; None for all.
        codes: the error codes to look for; None for all.
        held_before: only those that are held since before this moment; None for all.
        budget: how long that may take; a portion that was begun is ended.

    Returns:
        Whether those were all.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    end = time.monotonic() + budget.total_seconds()
    resumed = 0
    is_all = True
    for sent in resume_held(app, collection=collection, codes=codes, held_before=held_before):
        resumed += sent
        if time.monotonic() > end:
            is_all = False
            break
    if resumed:
        log.info("%s held items are tried again%s", resumed, "" if is_all else "; the others follow")
    return is_all


def resume_held(
    app: Clients,
    *,
    collection: str | None = None,
    codes: Container[str] | None = None,
    held_before: datetime | None = None,
    states: Sequence[ItemStatus] = (ItemStatus.HELD,),
) -> Iterator[int]:
    """Send the held or waiting items of one collection, or of all, again at once.

    Args:
        app: the clients.
        collection: id of the collection; None for all.
        codes: the error codes to look for; None for all.
        held_before: only those that are held since before this moment; None for all.
        states: `Held`, `Waiting` or both. Waiting items that are due already are left alone.

    Yields:
        How many of a portion were sent. The next portion is sent when the next number is asked for.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    for name in [collection] if collection else list(app.status.partitions()):
        for state in states:
            ids = (
                str(entry["RowKey"]).removeprefix(INDEXES[state])
                for entry in app.status.query_prefix(name, INDEXES[state], select=_OF_INDEX)
                if (codes is None or entry.get("error_code") in codes)
                and (held_before is None or _since(entry) < held_before)
            )
            for portion in _portions(ids):
                yield sum(run_all(lambda item_id, name=name: resume_item(name, item_id, app, states), portion))  # type: ignore[misc]


def _since(entry: Any) -> datetime:  # noqa: ANN401 - an entity, whose metadata tells when it was written
    moment: datetime = entry.metadata["timestamp"]
    return moment


def _portions(ids: Iterable[str]) -> Iterator[list[str]]:
    ids = iter(ids)
    while portion := list(itertools.islice(ids, _PORTION)):
        yield portion


def resume_item(collection: str, item_id: str, app: Clients, states: Sequence[ItemStatus] = (ItemStatus.HELD,)) -> bool:
    """Send one item again at once if it is in one of these states and not due yet; return whether it was sent."""
    row = app.status.get(collection, item_id)
    if row is None or row.status not in states:
        return False
    if row.status is ItemStatus.WAITING and row.next_attempt and row.next_attempt <= app.now():
        return False  # its message is visible already: one more copy would do nothing
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
    envelope = row.envelope()
    copy = replace(envelope.counted(now), retry_since=now if fresh_window else envelope.retry_since)
    before = replace(row, operation_failures=0) if fresh_window else row

    def record(retry: Retry) -> None:
        after = before.changed(
            ItemStatus.WAITING,
            now,
            attempt=retry.envelope.attempt,
            retry_since=retry.envelope.retry_since,
            next_attempt=now,
        )
        try:
            app.status.update(before, after)
        except Conflict:
            log.info("Item %s/%s changed by itself meanwhile", row.collection, row.item_id)

    app.delivery.send_again(Retry(copy, timedelta(0)), record)


def resume_for_sources(keys: Container[str], app: Clients, *, budget: timedelta = RESUME_BUDGET) -> None:
    """Send items that were held for want of access again, where a source was created or replaced since the last time.

    Args:
        keys: row keys of the sources.
        app: the clients.
        budget: how long that may take.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    renewed = {
        str(row["RowKey"]): row.get("renewed_at") or app.now()
        for row in app.sources.rows()
        if row["RowKey"] in keys and row.get("is_resumed") is False
    }
    if not renewed:
        return
    # What is held since after the last renewal was tried with it; to try that again and again would have no end.
    is_all = resume_for_a_while(app, codes=ACCESS_CODES, held_before=max(renewed.values()), budget=budget)
    if not is_all:
        return  # the next run sends the others
    for key in renewed:
        app.sources.update(key, {"is_resumed": True})
