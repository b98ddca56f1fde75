"""Handles a message of queue `items`: one item is ingested, a file of many becomes one message per item."""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from azure.core.exceptions import AzureError

from shared import telemetry
from shared.basics.errors import BadContent, ErrorCode, Unavailable
from shared.clients import Clients
from shared.delivery.handling import handle
from shared.files.item_files import ItemFile, open_item_file
from shared.items.fan_out import fan_out, fan_out_whole, go_on
from shared.items.item_work import carry_out
from shared.items.work import Work
from shared.messages.models import ItemMessage, QueueName, correlation_id_of, parse_item_message, read_object
from shared.records.source_store import source_key
from shared.sources.signed_hrefs import without_covered_signatures
from shared.stac.ids import check_collection_id, check_item_id
from shared.stac.items import item_version, prepare_item

log = logging.getLogger(__name__)

# How far ahead of its queue a message's first_enqueued is believed: clocks differ, and the items of one file are
# numbered by microseconds. One from further on would supersede all that follows.
_CLOCK_TOLERANCE = timedelta(minutes=5)


def ingest_message(raw: bytes, enqueued_at: datetime, app: Clients) -> None:
    """Handles one message of queue `items`.

    Args:
        raw: the body as it lay on the queue: JSON, or base64 of JSON.
        enqueued_at: when it was put on the queue.
        app: the clients.

    Raises:
        SettingsError: a setting is missing or malformed.
        azure.core.exceptions.AzureError: the storage could not be written: the host gives the message again.
    """
    handle(QueueName.ITEMS, raw, enqueued_at, lambda body: _ingest(body, enqueued_at, app), app)


def _ingest(body: bytes, enqueued_at: datetime, app: Clients) -> None:
    fields = read_object(body)
    if fields.get("type") == "FeatureCollection":
        fan_out_whole(ItemFile.of_collection(fields), body, enqueued_at, app)
        return
    message = parse_item_message(fields)
    if message.item is not None:
        ingest_item(message.item, message, body, enqueued_at, app)
        return
    if message.offset or message.lines_of:
        go_on(message, enqueued_at, app)
        return
    with open_item_file(str(message.href), app.hrefs) as file:
        if file.single is None:
            fan_out(file, message, enqueued_at, app)
        else:
            ingest_item(file.single, message, body, enqueued_at, app)


def ingest_item(item: dict[str, Any], message: ItemMessage, body: bytes, enqueued_at: datetime, app: Clients) -> None:
    """Ingests the one item of a message.

    Args:
        item: the STAC Item.
        message: the message that carried or named it.
        body: the message as JSON bytes, kept for a later try.
        enqueued_at: when the message was put on the queue.
        app: the clients.

    Raises:
        BadMessage: the item has no id or collection that GeoCatalog takes.
        azure.core.exceptions.AzureError: the storage could not be written.
    """
    collection = check_collection_id(message.collection or item.get("collection"))
    item_id = check_item_id(item.get("id"))
    first_enqueued = message.first_enqueued or enqueued_at
    if first_enqueued > enqueued_at + _CLOCK_TOLERANCE:
        first_enqueued = enqueued_at
    own_id = correlation_id_of(body, first_enqueued)
    fault: BadContent | None = None
    prepared = None
    try:
        prepared = prepare_item(
            without_covered_signatures(
                item,
                lambda container: app.sources.get(source_key(container)),
                dropped=message.drop_assets,
                wanted_margin=app.settings.sas_renewal_margin,
                now=app.now(),
            ),
            collection=collection,
            drop_assets=message.drop_assets,
            version_by=message.version_by,
            planetary_computer_url=app.settings.planetary_computer_url,
        )
    except BadContent as error:
        fault = error
    work = Work(
        collection=collection,
        item_id=item_id,
        queue=QueueName.ITEMS.value,
        first_enqueued=first_enqueued,
        message=_kept(body, message, item, app) if prepared else body,
        prepared=prepared,
        fault=fault,
        content_hash=prepared.content_hash if prepared else hashlib.sha256(body).hexdigest(),
        version=prepared.version if prepared else item_version(item, message.version_by),
        attempt=message.attempt or 0,
        retry_since=message.retry_since,
        if_exists=message.if_exists,
        force=message.force,
        correlation_id=message.correlation_id or own_id,
        traceparent=telemetry.traceparent_of(message.traceparent, own_id),
    )
    with telemetry.work_span(work):
        carry_out(work, app)


def _kept(body: bytes, message: ItemMessage, item: dict[str, Any], app: Clients) -> bytes:
    """Returns the message for a later try, which carries the item: the file may be gone by then, or its URL invalid.

    Raises:
        Unavailable: the item is too large for a queue, and the storage did not take it.
    """
    if message.href is None or app.hrefs.is_payload(message.href):
        return body
    fields = {name: value for name, value in read_object(body).items() if name != "href"}
    try:
        return app.queues.fitted(QueueName.ITEMS, {**fields, "item": item})
    except AzureError as error:
        raise Unavailable(
            f"The storage account did not keep the item ({type(error).__name__}).", code=ErrorCode.STORAGE_UNAVAILABLE
        ) from error
