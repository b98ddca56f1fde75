"""Handles a message of queue `items`: one item is ingested, a file of many becomes one message per item."""

import logging
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError

from shared.basics.errors import BadContent, ErrorCode, Unavailable
from shared.clients import Clients
from shared.delivery.handling import handle
from shared.files.item_files import open_item_file
from shared.items.fan_out import fan_out, fan_out_whole, go_on
from shared.items.path import carry_out
from shared.items.preparing import prepared_for, refused
from shared.items.services import item_services
from shared.items.work import Work, source_of
from shared.messages.envelope import Envelope
from shared.messages.models import ItemMessage, QueueName
from shared.messages.reading import parse_item_message
from shared.stac.ids import check_collection_id, check_item_id
from shared.stac.items import item_version

log = logging.getLogger(__name__)


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
    handle(QueueName.ITEMS, raw, enqueued_at, lambda envelope: _ingest(envelope, app), app.delivery)


def _ingest(envelope: Envelope, app: Clients) -> None:
    if envelope.fields.get("type") == "FeatureCollection":
        fan_out_whole(envelope, app)
        return
    message = parse_item_message(dict(envelope.fields))
    if message.item is not None:
        ingest_item(message.item, message, envelope, app)
        return
    if message.offset:
        go_on(message, envelope, app)
        return
    with open_item_file(str(message.href), app.hrefs) as file:
        if file.single is None:
            fan_out(file, message, envelope, app)
        else:
            ingest_item(file.single, message, envelope, app, fault=file.fault)


def ingest_item(
    item: dict[str, Any], message: ItemMessage, envelope: Envelope, app: Clients, *, fault: BadContent | None = None
) -> None:
    """Ingest the one item of a message.

    Args:
        item: the STAC Item.
        message: the fields of the message that carried or named it.
        envelope: the message.
        app: the clients.
        fault: why it can never be ingested, where that is known already.

    Raises:
        BadMessage: the item has no id or collection that GeoCatalog takes.
        azure.core.exceptions.AzureError: the storage could not be written.
    """
    collection = check_collection_id(message.collection or item.get("collection"))
    item_id = check_item_id(item.get("id"))
    preparation = refused(item, collection, fault) if fault else prepared_for(item, message, collection, app)
    prepared = preparation.prepared
    kept = _kept(envelope, message, item, app) if prepared else envelope
    version = prepared.version if prepared else item_version(item, message.version_by)
    work = Work(
        collection=collection,
        item_id=item_id,
        envelope=kept.marked(),
        prepared=prepared,
        fault=preparation.fault,
        content_hash=preparation.content_hash,
        source=source_of(message, item),
        version=version.moment if version else None,
        version_is_naive=version is not None and version.is_naive,
        if_exists=message.if_exists,
        force=message.force,
    )
    carry_out([work], item_services(app))


def _kept(envelope: Envelope, message: ItemMessage, item: dict[str, Any], app: Clients) -> Envelope:
    """Return the message for a later try, which carries the item: the file may be gone by then, or its URL invalid.

    Raises:
        Unavailable: the item is too large for a queue, and the storage did not take it.
    """
    if message.href is None or app.hrefs.is_payload(message.href):
        return envelope
    fields = {name: value for name, value in envelope.fields.items() if name != "href"}
    try:
        return envelope.carrying(app.queues.fitted(QueueName.ITEMS, {**fields, "item": item}))
    except AzureError as error:
        raise Unavailable(
            f"The storage account did not keep the item ({type(error).__name__}).", code=ErrorCode.STORAGE_UNAVAILABLE
        ) from error
