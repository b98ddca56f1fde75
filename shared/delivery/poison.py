"""Looks after messages that crashed their function again and again: one more try, then a reason where people look."""

import logging
import zlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared import telemetry
from shared.basics.clock import format_timestamp
from shared.basics.errors import BadContent, BadMessage, ErrorCode, IngestionError
from shared.clients import Clients
from shared.delivery.blob_events import split_events
from shared.delivery.handling import reject
from shared.items.work import Work
from shared.messages.models import Outcome, QueueName, Result, decode_body, read_object, wrapped
from shared.records.status_rows import ItemRow, ItemStatus
from shared.stac.ids import check_collection_id, check_item_id
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)

# To read a file must not be what crashed the function: an item that GeoCatalog takes has 1 MB.
_MAX_ITEM_FILE = 2 * 1024 * 1024

# A message is on its poison queue after ten tries, 30 s apart at least (host.json: maxDequeueCount, visibilityTimeout).
# When it first came, the host does not say.
_LEAST_AGE = timedelta(seconds=9 * 30)


def record_poison(queue: str, raw: bytes, enqueued_at: datetime, app: Clients) -> None:
    """Handles a message of a poison queue.

    A function ended without settling it `maxDequeueCount` times: the process died, or a fault of our own. It is sent
    once more; if it comes back, its item is `Failed` with `RepeatedCrash`, or it is a dead letter.

    Args:
        queue: the queue it came from, without `-poison`.
        raw: the body as it lay on the queue.
        enqueued_at: when it was put on the poison queue.
        app: the clients.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be written: the host gives the message again.
    """
    telemetry.count_poison(queue)
    # What the message said was wanted by then; nothing that was sent after its last try may lose against it.
    wanted_at = enqueued_at - _LEAST_AGE * app.settings.time_scale
    body = raw
    try:
        body = decode_body(raw)
        parts = split_events(body) if queue == QueueName.BLOB_EVENTS else [body]
    except BadMessage as error:
        reject(queue, body, error, app)
        return
    for part in parts:
        _record(queue, part, wanted_at, app)


def _record(queue: str, body: bytes, wanted_at: datetime, app: Clients) -> None:
    try:
        fields = wrapped(queue, read_object(body))
    except BadMessage as error:
        reject(queue, body, error, app)
        return
    crashes = fields.get("crashes")
    if not crashes:
        kept = {"crashes": 1, "attempt": fields.get("attempt") or 0}
        kept["first_enqueued"] = fields.get("first_enqueued") or format_timestamp(wanted_at)
        try:
            app.queues.send(queue, fields | kept, delay=app.timings.first_delay)
        except BadMessage as error:
            reject(queue, body, error, app)
            return
        log.warning("A message of queue %s came back from its poison queue and is tried once more", queue)
        return
    _give_up(queue, body, fields, wanted_at, app)


def _give_up(queue: str, body: bytes, fields: dict[str, Any], wanted_at: datetime, app: Clients) -> None:
    error: IngestionError = BadContent(
        "Handling the message crashed again and again; look at the app's log for the cause, then replay it.",
        code=ErrorCode.REPEATED_CRASH,
    )
    item = _item_of(fields, app)
    try:
        collection = check_collection_id(fields.get("collection") or item.get("collection"))
        item_id = check_item_id(fields.get("id") or item.get("id"))
    except BadMessage:
        reject(queue, body, error, app)
        return
    correlation_id = fields.get("correlation_id")
    work = Work(
        collection=collection,
        item_id=item_id,
        queue=queue,
        first_enqueued=wanted_at,
        message=body,
        correlation_id=correlation_id if isinstance(correlation_id, str) else None,
    )
    if not _fail_item(work, error, app):
        reject(queue, body, error, app)


def _item_of(fields: dict[str, Any], app: Clients) -> dict[str, Any]:
    """Returns the item that a message carries or names; empty where it is none, or cannot be read quickly."""
    item, href = fields.get("item"), fields.get("href")
    if isinstance(href, str):
        try:
            item = read_object(app.hrefs.read_all(href, limit=_MAX_ITEM_FILE))
        except IngestionError:
            item = None
    return item if isinstance(item, dict) else {}


def _fail_item(work: Work, error: IngestionError, app: Clients) -> bool:
    """Writes that an item failed; False where its row speaks of something else by now."""
    now = app.now()
    row = app.status.get(work.collection, work.item_id)
    if row is None:
        blank = ItemRow(work.collection, work.item_id, ItemStatus.SUBMITTING, work.queue, work.first_enqueued)
        blank = replace(blank, message=zlib.compress(work.message))
        row = app.status.insert(blank)
    if row is None or row.status not in {ItemStatus.SUBMITTING, ItemStatus.WAITING, ItemStatus.HELD}:
        return False
    code = str(error.code)
    log.warning("Item %s/%s failed: %s %s", work.collection, work.item_id, code, error.message)
    app.queues.send_result(
        Result(
            collection=work.collection,
            id=work.item_id,
            outcome=Outcome.FAILED,
            error_code=code,
            error_message=error.message,
            correlation_id=work.correlation_id,
            finished_at=now,
        )
    )
    columns = {"finished_at": now, "error_code": code, "error_message": error.message}
    try:
        app.status.update(row, row.changed(ItemStatus.FAILED, now, claimed_by=None, claimed_until=None, **columns))
    except Conflict:
        return False
    return True
