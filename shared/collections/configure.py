"""Handles a message of queue `collections`: makes a collection as it should be, by the calls that are needed only.

Long waits are not slept through: where GeoCatalog creates the collection, the message goes back to the queue and finds
in the collection's row what was done so far.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.basics.errors import BadContent, BadMessage, ErrorCode, NotYet
from shared.basics.json_codec import memory_of, read_json
from shared.clients import Clients
from shared.collections.claims import check_id_is_free, claim_collection, release_collection
from shared.collections.creation import create_collection
from shared.collections.parts import apply_parts
from shared.configuration.shapes import Part
from shared.configuration.wanted import WantedCollection, wanted_collection, with_planetary_computer
from shared.delivery.handling import handle
from shared.files.hrefs import HrefReader
from shared.items.resume import resume_for_sources
from shared.messages.envelope import Envelope
from shared.messages.models import DEFINITION_SOURCES, CollectionMessage, QueueName
from shared.messages.reading import parse_message, with_payload
from shared.records.source_store import source_key
from shared.services.planetary_computer import container_url
from shared.sources.renewal import keep_alive
from shared.sources.specs import Sas, SourceSpec
from shared.sources.wanted import want_source
from shared.stac.bases import based_at
from shared.stac.collections import is_collection
from shared.stac.ids import check_collection_id

# A STAC Collection with summaries and item assets is tens of kilobytes; this is far above any real one.
_MAX_DEFINITION_BYTES = 4 * 1024 * 1024
# By memory_of: an instance of 2 GB holds 32 such beside each other. One of 2 MiB takes some 25 MiB.
_MAX_DEFINITION_MEMORY = 40 * 1024 * 1024
# Between two looks at a collection that is being created; it takes up to 30 s.
_CREATION_CHECK = timedelta(seconds=3)


def configure_message(raw: bytes, enqueued_at: datetime, app: Clients) -> None:
    """Handles one message of queue `collections`.

    Args:
        raw: the body as it lay on the queue: JSON, or base64 of JSON.
        enqueued_at: when it was put on the queue.
        app: the clients.

    Raises:
        SettingsError: a setting is missing or malformed.
        azure.core.exceptions.AzureError: the storage could not be written: the host gives the message again.
    """
    handle(QueueName.COLLECTIONS, raw, enqueued_at, lambda envelope: _configure(envelope, app), app.delivery)


def _configure(envelope: Envelope, app: Clients) -> None:
    message = parse_message(CollectionMessage, dict(envelope.fields))
    app.pause.respect()
    message = _whole_message(message, app)
    wanted = _wanted(message, app)
    if wanted.definition is None and app.geocatalog.get_collection(wanted.collection) is None:
        why = "; ".join(refusal.why for refusal in wanted.refusals(Part.DEFINITION))
        raise BadContent(why, code=ErrorCode.INVALID_STAC)
    check_id_is_free(wanted.collection, app)
    owner = claim_collection(wanted.collection, app)
    try:
        live = app.geocatalog.get_collection(wanted.collection)
        is_done = create_collection(wanted, envelope, app) if live is None else apply_parts(wanted, envelope, app)
    finally:
        release_collection(wanted.collection, owner, app)
    if not is_done:
        check = _CREATION_CHECK * app.settings.time_scale
        raise NotYet(
            f"Collection {wanted.collection} is being created, or not all of it is applied yet.", retry_after=check
        )


# What is wanted


def _whole_message(message: CollectionMessage, app: Clients) -> CollectionMessage:
    """Takes in what the href of a message leads to: the STAC Collection, or what was too large for the queue."""
    if message.href is None:
        return message
    content = _fetched(message.href, app.hrefs)
    if not is_collection(content) and content.keys() & DEFINITION_SOURCES:
        message = with_payload(message, content)
        if message.href is None:
            return message
        content = _fetched(message.href, app.hrefs)
    definition = based_at(content, document_url=message.href)
    return message.model_copy(update={"href": None, "definition": definition})


def _wanted(message: CollectionMessage, app: Clients) -> WantedCollection:
    if message.planetary_computer is None:
        definition = message.definition or {}
        collection = check_collection_id(message.collection or definition.get("id"))
        return wanted_collection(collection, message, definition)
    collection = check_collection_id(message.collection or message.planetary_computer)
    source = app.planetary_computer.collection(message.planetary_computer)
    _bring_source(message.planetary_computer, source, app)
    wanted = wanted_collection(collection, message, source)
    return with_planetary_computer(wanted, source, app.planetary_computer.mosaic_info(message.planetary_computer))


def _fetched(href: str, hrefs: HrefReader) -> dict[str, Any]:
    content = hrefs.read_all(href, limit=_MAX_DEFINITION_BYTES)
    if memory_of(content) > _MAX_DEFINITION_MEMORY:
        raise BadMessage(
            "What the href leads to has more values than any STAC Collection.", code=ErrorCode.HREF_TOO_LARGE
        )
    try:
        value = read_json(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadMessage("What the href leads to is not a STAC Collection in JSON.", code=ErrorCode.HREF_NOT_STAC)
    return value


def _bring_source(planetary_computer_id: str, source: Mapping[str, Any], app: Clients) -> None:
    url = container_url(dict(source))
    if url is None:
        return
    spec = SourceSpec(container_url=url, sas=Sas(planetary_computer=planetary_computer_id))
    want_source(spec, app.sources)
    keep_alive(spec, app)
    resume_for_sources([source_key(spec.url)], app)
