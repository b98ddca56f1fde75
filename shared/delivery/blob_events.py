"""Queue `blob-events`: turn Event Grid's events of dropped blobs into messages of queue `items`.

An event comes in Event Grid's own schema or as a CloudEvent 1.0
(learn.microsoft.com/azure/event-grid/event-schema-blob-storage), one a message as Event Grid sends it to a queue, or
several in a list. An event that must wait is sent again in the field `event` of a message, beside the fields that the
app keeps.
"""

import logging
import re
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from shared.basics.blob_urls import leads_out, parse_blob_url
from shared.basics.clock import format_timestamp
from shared.basics.errors import BadMessage, ErrorCode, Unavailable
from shared.basics.json_codec import read_json, write_json
from shared.basics.parallel import run_all
from shared.basics.redact import redact
from shared.delivery.delivery import Delivery
from shared.delivery.handling import handle_body
from shared.messages.decoding import decode_body
from shared.messages.envelope import Envelope
from shared.messages.models import BlobEventMessage, QueueName
from shared.messages.reading import parse_message
from shared.storage.payloads import INCOMING

log = logging.getLogger(__name__)

BLOB_CREATED = "Microsoft.Storage.BlobCreated"
# The blob's name stands in a subject as it is, and percent-encoded in data.url (same page).
_SUBJECT = re.compile(r"/blobServices/[^/]+/containers/(?P<container>[^/]+)/blobs/(?P<name>.+)", re.DOTALL)
# A message of 64 KiB holds fewer events, however short: the least that names a created blob has over 80 bytes.
_MAX_EVENTS = 800


class CreatedBlob(NamedTuple):
    """What an event says of the blob that was created; the account is the app's own."""

    container: str
    name: str


def receive_events(raw: bytes, enqueued_at: datetime, delivery: Delivery, blobs: BlobServiceClient) -> None:
    """Handle one message of queue `blob-events`: each event by itself, so that a bad one holds up no other.

    Args:
        raw: the body as it lay on the queue: JSON, or base64 of JSON.
        enqueued_at: when it was put on the queue.
        delivery: sends messages on and again, and rejects.
        blobs: client of the ingestion storage's blobs.

    Raises:
        azure.core.exceptions.AzureError: a queue or table could not be written: the host gives the message again.
    """
    try:
        body = decode_body(raw)
    except BadMessage as error:
        delivery.reject(QueueName.BLOB_EVENTS, raw, error)
        return
    try:
        events = split_events(body)
    except BadMessage as error:
        delivery.reject(QueueName.BLOB_EVENTS, body, error)
        return
    run_all(lambda event: _handle(event, enqueued_at, delivery, blobs), events)


def split_events(body: bytes) -> list[bytes]:
    """Return the JSON text of each event of a message.

    Args:
        body: one event, or a list of them, as JSON text.

    Raises:
        BadMessage: it is a list that is empty, too long, or not JSON.
    """
    if not body.startswith(b"["):
        return [body]
    try:
        events: list[Any] = read_json(body)
    except ValueError as error:
        raise BadMessage(f"The list of events is not JSON in UTF-8: {error}; send events as JSON.") from None
    if not 1 <= len(events) <= _MAX_EVENTS:
        raise BadMessage(f"The message is a list of {len(events):,} events; send 1 to {_MAX_EVENTS}.")
    return [write_json(event) for event in events]


def _handle(event: bytes, enqueued_at: datetime, delivery: Delivery, blobs: BlobServiceClient) -> None:
    handle_body(
        QueueName.BLOB_EVENTS, event, enqueued_at, lambda envelope: _receive(envelope, delivery, blobs), delivery
    )


def _receive(envelope: Envelope, delivery: Delivery, blobs: BlobServiceClient) -> None:
    message = parse_message(BlobEventMessage, dict(envelope.fields))
    blob = created_blob(message.event)
    if blob is None or blob.container != INCOMING:
        log.info("An event is no creation of a blob in container %s; it is dropped", INCOMING)
        return
    if leads_out(blob.name):
        raise BadMessage("The blob's name has a segment . or .., so no URL leads to it; give the blob another name.")
    try:
        _send_on(blob.name, message, delivery, blobs)
    except AzureError as error:
        raise _fault(error) from error


def _send_on(name: str, message: BlobEventMessage, delivery: Delivery, blobs: BlobServiceClient) -> None:
    client = blobs.get_blob_client(INCOMING, name)
    try:
        properties = client.get_blob_properties()
    except ResourceNotFoundError:
        log.info("Blob %r was deleted before its event was handled; there is nothing to ingest", redact(name))
        return
    # The blob's own last change orders its versions: the events of two changes may come in any order. Its ETag tells
    # apart two changes within one second, and makes the same message of an event that comes twice.
    modified: datetime = properties.last_modified
    message_of_item = {
        "href": client.url.partition("?")[0],
        "correlation_id": message.correlation_id or str(properties.etag).strip('"'),
        "attempt": 0,
        "first_enqueued": format_timestamp(modified),
    }
    if message.traceparent:
        message_of_item["traceparent"] = message.traceparent
    delivery.queues.send(QueueName.ITEMS, message_of_item)


def created_blob(event: dict[str, Any]) -> CreatedBlob | None:
    """Return container and name of the blob that an event says was created.

    Args:
        event: an event in the Event Grid schema, or a CloudEvent 1.0.

    Returns:
        The blob; None where the event is of another type.

    Raises:
        BadMessage: it is no event, or names no blob.
    """
    kind = event.get("type") if "specversion" in event else event.get("eventType")
    if not isinstance(kind, str):
        raise BadMessage(
            "The message is no event: it has neither eventType (Event Grid's schema) nor specversion and type "
            "(CloudEvents); send items to queue items."
        )
    if kind != BLOB_CREATED:
        return None
    blob = _of_subject(event.get("subject")) or _of_url(event.get("data"))
    if blob is None:
        raise BadMessage(
            f"The event {BLOB_CREATED} names no blob: neither its subject is "
            "/blobServices/default/containers/CONTAINER/blobs/NAME nor its data.url a blob's URL; drop the blob again."
        )
    return blob


def _of_subject(subject: object) -> CreatedBlob | None:
    match = _SUBJECT.fullmatch(subject) if isinstance(subject, str) else None
    return CreatedBlob(**match.groupdict()) if match else None


def _of_url(data: object) -> CreatedBlob | None:
    url = data.get("url") if isinstance(data, dict) else None
    parsed = parse_blob_url(url) if isinstance(url, str) else None
    return CreatedBlob(parsed.container, parsed.blob) if parsed and parsed.blob else None


def _fault(error: AzureError) -> BadMessage | Unavailable:
    if isinstance(error, HttpResponseError) and error.status_code == HTTPStatus.BAD_REQUEST:
        return BadMessage(f"Container {INCOMING} can hold no blob of this name; give the blob another name.")
    return Unavailable(
        f"The storage account did not tell of a blob in container {INCOMING}, or did not take a message for queue "
        f"{QueueName.ITEMS} ({type(error).__name__}); look at its state and at the app's roles on both.",
        code=ErrorCode.STORAGE_UNAVAILABLE,
    )
