"""Looks after messages that crashed their function again and again: one more try, then a reason where people look."""

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError

from shared import telemetry
from shared.basics import deadline
from shared.basics.errors import BadContent, BadMessage, ErrorCode, IngestionError
from shared.basics.json_codec import memory_of
from shared.delivery.blob_events import split_events
from shared.delivery.delivery import Delivery, Retry
from shared.files.hrefs import HrefReader
from shared.messages.decoding import decode_body, read_object
from shared.messages.envelope import Envelope, read_envelope
from shared.messages.models import QueueName
from shared.messages.results import Outcome
from shared.records.status_rows import ItemRow, ItemStatus
from shared.records.status_store import StatusStore
from shared.stac.ids import check_collection_id, check_item_id
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)

# To read a file must not be what crashed the function: an item that GeoCatalog takes has 1 MB.
_MAX_ITEM_FILE = 2 * 1024 * 1024
# By memory_of: an item of 2 MiB takes some 25 MiB, and an instance of 2 GB holds 32 such beside each other.
_MAX_ITEM_MEMORY = 40 * 1024 * 1024

# A message is on its poison queue after ten tries, 30 s apart at least (host.json: maxDequeueCount, visibilityTimeout).
# When it first came, the host does not say.
_LEAST_AGE = timedelta(seconds=9 * 30)

# Refusals that are not for the content of a message: identity, role, firewall, what is being deleted, too many at once.
_OF_STORAGE = frozenset({401, 403, 404, 408, 409, 412, 429})

_UNFINISHED = frozenset({ItemStatus.SUBMITTING, ItemStatus.WAITING, ItemStatus.HELD})


@dataclass(frozen=True)
class PoisonDesk:
    """What poisoned messages are handled with.

    Attributes:
        delivery: sends messages again, announces outcomes, rejects.
        status: table `status`.
        hrefs: fetches what messages name by URL.
        time_scale: setting TIME_SCALE.
    """

    delivery: Delivery
    status: StatusStore
    hrefs: HrefReader
    time_scale: float


def record_poison(queue: QueueName, raw: bytes, enqueued_at: datetime, desk: PoisonDesk) -> None:
    """Handles a message of a poison queue.

    A function ended without settling it `maxDequeueCount` times: the process died, or a fault of our own. It is sent
    once more; if it comes back, its item is `Failed` with `RepeatedCrash`, or it is a dead letter.

    Args:
        queue: the queue it came from, without `-poison`.
        raw: the body as it lay on the queue.
        enqueued_at: when it was put on the poison queue.
        desk: what poisoned messages are handled with.

    Whatever else goes wrong here would go wrong again: the host gives a message of a poison queue back every 10
    minutes, without end. So it becomes a dead letter, and the fault is logged.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be written. The message must not be lost, so it stays on
            the poison queue until the storage takes it.
    """
    telemetry.count_poison(queue)
    try:
        _handle(queue, raw, enqueued_at, desk)
    except Exception as error:
        if _may_pass(error):
            raise
        log.exception("A message of poison queue %s-poison could not be handled", queue)
        with deadline.settling():
            desk.delivery.reject(queue, raw, _crash(f" To handle it here failed too ({type(error).__name__})."))


def _may_pass(error: Exception) -> bool:
    """Tell whether a fault is one of the storage as a whole, not of this message: no answer, no access, too busy."""
    if isinstance(error, HttpResponseError):
        status = error.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
        return status in _OF_STORAGE or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, AzureError)


def _handle(queue: QueueName, raw: bytes, enqueued_at: datetime, desk: PoisonDesk) -> None:
    # What the message said was wanted by then; nothing that was sent after its last try may lose against it.
    wanted_at = enqueued_at - _LEAST_AGE * desk.time_scale
    body = raw
    try:
        body = decode_body(raw)
        parts = split_events(body) if queue == QueueName.BLOB_EVENTS else [body]
    except BadMessage as error:
        desk.delivery.reject(queue, body, error)
        return
    for part in parts:
        _record(queue, part, wanted_at, desk)


def _record(queue: QueueName, body: bytes, wanted_at: datetime, desk: PoisonDesk) -> None:
    try:
        envelope = read_envelope(queue, body, wanted_at)
        if not envelope.crashes:
            desk.delivery.send_again(Retry(replace(envelope, crashes=1), desk.delivery.timings.first_delay))
            log.warning("A message of queue %s came back from its poison queue and is tried once more", queue)
            return
    except BadMessage as error:
        desk.delivery.reject(queue, body, error)
        return
    crashed = _crash()
    if not _fail_item(envelope, crashed, desk):
        desk.delivery.reject(queue, body, crashed, fields=envelope.fields, correlation_id=envelope.correlation_id)


def _crash(detail: str = "") -> BadContent:
    return BadContent(
        f"Handling the message crashed again and again; look at the app's log for the cause, then replay it.{detail}",
        code=ErrorCode.REPEATED_CRASH,
    )


def _fail_item(envelope: Envelope, error: IngestionError, desk: PoisonDesk) -> bool:
    """Write that the message's item failed; False where it names none, or its row is another message's by now."""
    fields, item = envelope.fields, _item_of(envelope.fields, desk)
    try:
        collection = check_collection_id(fields.get("collection") or item.get("collection"))
        item_id = check_item_id(fields.get("id") or item.get("id"))
    except BadMessage:
        return False
    row = desk.status.get(collection, item_id)
    if row is None:
        row = desk.status.insert(_blank_row(collection, item_id, envelope))
    if row is None or row.status not in _UNFINISHED or not row.is_of(envelope):
        return False
    now, code = desk.delivery.now(), str(error.code)
    log.warning("Item %s/%s failed: %s %s", collection, item_id, code, error.message)
    desk.delivery.announce(
        Outcome.FAILED,
        collection=collection,
        item_id=item_id,
        error_code=code,
        error_message=error.message,
        correlation_id=envelope.correlation_id,
    )
    columns = {"finished_at": now, "error_code": code, "error_message": error.message}
    try:
        desk.status.update(row, row.changed(ItemStatus.FAILED, now, claimed_by=None, claimed_until=None, **columns))
    except Conflict:
        return False
    return True


def _blank_row(collection: str, item_id: str, envelope: Envelope) -> ItemRow:
    return ItemRow(
        collection,
        item_id,
        ItemStatus.SUBMITTING,
        envelope.queue.value,
        envelope.first_enqueued,
        correlation_id=envelope.correlation_id,
        traceparent=envelope.traceparent,
        message=zlib.compress(envelope.body),
    )


def _item_of(fields: Mapping[str, Any], desk: PoisonDesk) -> Mapping[str, Any]:
    """Return the item that a message carries or names; empty where it is none, or cannot be read quickly."""
    item, href = fields.get("item"), fields.get("href")
    if isinstance(href, str):
        try:
            content = desk.hrefs.read_all(href, limit=_MAX_ITEM_FILE)
            item = read_object(content) if memory_of(content) <= _MAX_ITEM_MEMORY else None
        except IngestionError:
            item = None
    return item if isinstance(item, dict) else {}
