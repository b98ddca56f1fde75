"""Handles a message of queue `collections`: makes a collection as it should be, by the calls that are needed only.

Long waits are not slept through: where GeoCatalog creates the collection, the message goes back to the queue and finds
in the collection's row what was done so far.
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.clients import Clients
from shared.clock import format_timestamp
from shared.collection_steps import (
    Image,
    Part,
    Step,
    definition_steps,
    mosaic_steps,
    partition_steps,
    queryable_steps,
    render_option_steps,
    thumbnail_steps,
    tile_steps,
)
from shared.collection_wanted import WantedCollection, wanted_collection, with_planetary_computer
from shared.errors import BadContent, BadMessage, ErrorCode, Unavailable
from shared.ids import check_collection_id
from shared.images import read_thumbnail
from shared.json_codec import read_json
from shared.message_handling import handle
from shared.messages import CollectionMessage, Outcome, QueueName, Result, dump_message, parse_message, read_object
from shared.operations import OperationState, read_outcome
from shared.planetary_computer import container_url
from shared.resume import resume_held
from shared.source_specs import Sas, SourceSpec
from shared.sources import keep_alive, want_source
from shared.status_store import Conflict

log = logging.getLogger(__name__)

# A STAC Collection with summaries and item assets is tens of kilobytes; this is far above any real one.
_MAX_DEFINITION_BYTES = 4 * 1024 * 1024
# Between two looks at a collection that is being created; it takes up to 30 s.
_CREATION_CHECK = timedelta(seconds=3)


class PartState(StrEnum):
    """What became of a part of the configuration."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class PartRecord:
    """What became of one part: applied with what was done, unchanged, or refused with why."""

    state: PartState
    detail: str = ""


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
    handle(QueueName.COLLECTIONS, raw, enqueued_at, lambda body: _configure(body, app), app)


def _configure(body: bytes, app: Clients) -> None:
    message = parse_message(CollectionMessage, read_object(body))
    wanted = _wanted(message, app)
    owner = _claim(wanted.collection, app)
    try:
        live = app.geocatalog.get_collection(wanted.collection)
        if live is None:
            is_done = _create(wanted, message, app)
        else:
            records, digest = _apply(wanted, live, app)
            _record(wanted, message, records, app, thumbnail_digest=digest)
            is_done = True
    finally:
        _release(wanted.collection, owner, app)
    if not is_done:
        _come_back(message, app)


# What is wanted


def _wanted(message: CollectionMessage, app: Clients) -> WantedCollection:
    if message.planetary_computer is None:
        definition = message.definition or _fetched(str(message.href), app)
        collection = check_collection_id(message.collection or definition.get("id"))
        return wanted_collection(collection, message, definition)
    collection = check_collection_id(message.collection or message.planetary_computer)
    source = app.planetary_computer.collection(message.planetary_computer)
    _bring_source(message.planetary_computer, source, app)
    wanted = wanted_collection(collection, message, source)
    return with_planetary_computer(wanted, source, app.planetary_computer.mosaic_info(message.planetary_computer))


def _fetched(href: str, app: Clients) -> dict[str, Any]:
    try:
        value = read_json(app.hrefs.read_all(href, limit=_MAX_DEFINITION_BYTES))
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
    want_source(spec, app)
    keep_alive(spec, app)


# One message at a time


def _claim(collection: str, app: Clients) -> str:
    """Claims the collection's row for the length of a function, so that two messages do not write at once.

    Returns:
        The name of the claim, to release it.
    """
    row = app.status.get_collection(collection)
    now = app.now()
    claimed_until = row.get("claimed_until")
    if claimed_until and claimed_until > now:
        raise Unavailable(f"Collection {collection} is being configured by another message.")
    etag = str(getattr(row, "metadata", {}).get("etag", "")) if row else ""
    owner = uuid.uuid4().hex
    try:
        app.status.merge_collection(
            collection, {"claimed_until": now + app.timings.claim, "claimed_by": owner}, etag=etag
        )
    except Conflict:
        raise Unavailable(f"Collection {collection} is being configured by another message.") from None
    return owner


def _release(collection: str, owner: str, app: Clients) -> None:
    if app.status.get_collection(collection).get("claimed_by") == owner:
        app.status.merge_collection(collection, {"claimed_until": app.now()})


# Creating


def _create(wanted: WantedCollection, message: CollectionMessage, app: Clients) -> bool:
    """Has the collection created, or looks how that stands.

    Returns:
        Whether the message has come to its end, because the collection was refused.
    """
    row = app.status.get_collection(wanted.collection)
    operation_id = row.get("creating_operation")
    if operation_id:
        operation = app.geocatalog.get_operation(str(operation_id))
        outcome = read_outcome(operation) if operation else None
        if outcome is None or outcome.state in {OperationState.FAILED, OperationState.CANCELED}:
            app.status.merge_collection(wanted.collection, {"creating_operation": ""})
            reason = outcome.message if outcome else "GeoCatalog no longer knows the operation"
            raise Unavailable(f"Collection {wanted.collection} was not created: {reason}.")
    else:
        # Written first: whatever becomes of the call, what was known of an earlier collection counts no more.
        app.status.merge_collection(wanted.collection, {"created_at": app.now()})
        try:
            made = app.geocatalog.post_collection(wanted.definition)
        except BadContent as error:
            refused = {Part.DEFINITION: PartRecord(PartState.REFUSED, error.message)}
            _record(wanted, message, refused, app, thumbnail_digest="")
            return True
        app.status.merge_collection(wanted.collection, {"creating_operation": made or ""})
        log.info("Collection %s is being created (operation %s)", wanted.collection, made)
    return False


def _come_back(message: CollectionMessage, app: Clients) -> None:
    again = {"attempt": message.attempt or 0, "retry_since": format_timestamp(message.retry_since or app.now())}
    delay = max(_CREATION_CHECK * app.settings.time_scale, timedelta(seconds=1))
    app.queues.send(QueueName.COLLECTIONS, dump_message(message) | again, delay=delay)


# Applying


def _apply(wanted: WantedCollection, live: Mapping[str, Any], app: Clients) -> tuple[dict[Part, PartRecord], str]:
    catalog = app.geocatalog
    row = app.status.get_collection(wanted.collection)
    applied_digest = str(row.get("thumbnail_digest") or "")
    image: Image | None = None

    def thumbnail() -> list[Step]:
        nonlocal image
        if wanted.thumbnail is not None:
            image = read_thumbnail(wanted.thumbnail, app.hrefs, trusted=wanted.trusts_thumbnail)
        return thumbnail_steps(wanted, live, image, applied_digest, catalog)

    plans: dict[Part, Callable[[], list[Step]]] = {
        Part.DEFINITION: lambda: definition_steps(wanted, live, catalog),
        Part.PARTITION_TYPE: lambda: partition_steps(wanted, catalog),
        Part.THUMBNAIL: thumbnail,
        Part.TILE_SETTINGS: lambda: tile_steps(wanted, catalog),
        Part.RENDER_OPTIONS: lambda: render_option_steps(wanted, catalog),
        Part.MOSAICS: lambda: mosaic_steps(wanted, catalog),
        Part.QUERYABLES: lambda: queryable_steps(wanted, catalog),
    }
    records = {part: _apply_part(plan) for part, plan in plans.items()}
    is_set = records[Part.THUMBNAIL].state is not PartState.REFUSED and image is not None
    return records, image.digest if is_set and image else applied_digest


def _apply_part(plan: Callable[[], list[Step]]) -> PartRecord:
    """Makes the writes of one part; a refusal is recorded and does not stop the others."""
    try:
        steps = plan()
    except BadContent as error:
        return PartRecord(PartState.REFUSED, error.message)
    done, refused = [], []
    for step in steps:
        try:
            step.write()
        except BadContent as error:
            refused.append(f"{step.what}: {error.message}")
        else:
            done.append(step.what)
    if refused:
        return PartRecord(PartState.REFUSED, "; ".join(refused))
    return PartRecord(PartState.APPLIED, "; ".join(done)) if done else PartRecord(PartState.UNCHANGED)


# Recording


def _record(
    wanted: WantedCollection,
    message: CollectionMessage,
    records: Mapping[Part, PartRecord],
    app: Clients,
    *,
    thumbnail_digest: str,
) -> None:
    now = app.now()
    refused = {part: record.detail for part, record in records.items() if record.state is PartState.REFUSED}
    summary = "; ".join(f"{part}: {why}" for part, why in refused.items())
    app.queues.send_result(
        Result(
            collection=wanted.collection,
            id=None,
            outcome=Outcome.FAILED if refused else Outcome.APPLIED,
            error_code=ErrorCode.CONFIGURATION_REFUSED.value if refused else None,
            error_message=summary[:2000] or None,
            correlation_id=message.correlation_id,
            finished_at=now,
        )
    )
    parts = {
        part.value: {"state": record.state.value, "detail": record.detail[:2000]} for part, record in records.items()
    }
    columns = {
        "applied": json.dumps(parts),
        "configured_at": now,
        "correlation_id": message.correlation_id or "",
        "creating_operation": "",
        "thumbnail_digest": thumbnail_digest,
        "error_code": ErrorCode.CONFIGURATION_REFUSED.value if refused else "",
        "error_message": summary[:2000],
    }
    app.status.merge_collection(wanted.collection, columns)
    resumed = resume_held(app, collection=wanted.collection)
    if resumed:
        log.info("Collection %s: %s held items are tried again", wanted.collection, resumed)
    log.info(
        "Collection %s: %s", wanted.collection, {part.value: record.state.value for part, record in records.items()}
    )
