"""Handles a message of queue `collections`: makes a collection as it should be, by the calls that are needed only.

Long waits are not slept through: where GeoCatalog creates the collection, the message goes back to the queue and finds
in the collection's row what was done so far.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.clients import Clients
from shared.clock import format_timestamp
from shared.collection_shapes import Part
from shared.collection_steps import Step, fingerprint_of, part_steps, read_part
from shared.collection_wanted import WantedCollection, wanted_collection, with_planetary_computer
from shared.errors import BadContent, BadMessage, ErrorCode, IngestionError, Unavailable
from shared.ids import check_collection_id
from shared.images import read_thumbnail
from shared.json_codec import canonical_json, read_json
from shared.message_handling import handle
from shared.messages import (
    DEFINITION_SOURCES,
    CollectionMessage,
    Outcome,
    QueueName,
    Result,
    dump_message,
    parse_message,
    read_object,
    with_payload,
)
from shared.operations import OperationOutcome, OperationState, Remedy, read_outcome
from shared.planetary_computer import container_url
from shared.resume import resume_held
from shared.source_specs import Sas, SourceSpec
from shared.sources import keep_alive
from shared.status_store import Conflict
from shared.wanted_sources import want_source

log = logging.getLogger(__name__)

# A STAC Collection with summaries and item assets is tens of kilobytes; this is far above any real one.
_MAX_DEFINITION_BYTES = 4 * 1024 * 1024
# Between two looks at a collection that is being created; it takes up to 30 s.
_CREATION_CHECK = timedelta(seconds=3)
# An id can be used again this long after its collection was deleted
# (learn.microsoft.com/azure/planetary-computer/create-stac-collection).
_ID_FREE_AFTER = timedelta(seconds=45)
# A thumbnail whose host does not answer holds up nothing else; after so many tries it is refused.
_THUMBNAIL_TRIES = 4
# What a column of the row holds of one part, and of all: a column takes 32 Ki characters.
_MAX_DETAIL = 2000


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
    app.pause.respect()
    message = _whole_message(message, app)
    wanted = _wanted(message, app)
    if wanted.definition is None and app.geocatalog.get_collection(wanted.collection) is None:
        why = "; ".join(refusal.why for refusal in wanted.refusals(Part.DEFINITION))
        raise BadContent(why, code=ErrorCode.INVALID_STAC)
    _check_id_is_free(wanted.collection, app)
    owner = _claim(wanted.collection, app)
    try:
        live = app.geocatalog.get_collection(wanted.collection)
        is_done = _create(wanted, message, app) if live is None else _apply(wanted, message, app)
    finally:
        _release(wanted.collection, owner, app)
    if not is_done:
        _come_back(message, app)


# What is wanted


def _whole_message(message: CollectionMessage, app: Clients) -> CollectionMessage:
    """Takes in what the href of a message leads to: the STAC Collection, or what was too large for the queue."""
    if message.href is None:
        return message
    content = _fetched(message.href, app)
    if content.get("type") != "Collection" and content.keys() & DEFINITION_SOURCES:
        message = with_payload(message, content)
        if message.href is None:
            return message
        content = _fetched(message.href, app)
    return message.model_copy(update={"href": None, "definition": content})


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


def _check_id_is_free(collection: str, app: Clients) -> None:
    """Sends the message back while a collection of this id is being deleted, or has been a moment ago."""
    row = app.status.get_collection(collection)
    deleting = row.get("deleting_operation")
    if deleting and app.status.get_operation(collection, str(deleting)):
        raise Unavailable(f"Collection {collection} is being deleted; what the message wants is done after that.")
    deleted_at = row.get("deleted_at")
    remaining = deleted_at + _ID_FREE_AFTER * app.settings.time_scale - app.now() if deleted_at else timedelta(0)
    if remaining > timedelta(0):
        raise Unavailable(f"Collection {collection} was deleted a moment ago.", retry_after=remaining)


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
    operation_id = str(row.get("creating_operation") or "")
    if operation_id:
        why = _why_not_created(operation_id, row, app)
        return _refuse_definition(wanted, message, why, app) if why else False
    # Written first: whatever becomes of the call, what was known of an earlier collection counts no more.
    fresh = {"created_at": app.now(), "fingerprints": "{}", "done": "{}"}
    app.status.merge_collection(wanted.collection, fresh)
    try:
        made = app.geocatalog.post_collection(wanted.definition or {})
    except BadContent as error:
        return _refuse_definition(wanted, message, error.message, app)
    columns = {
        "creating_operation": made or "",
        "created_as": _digest(wanted),
        "done": json.dumps({Part.DEFINITION.value: ["create the collection"]}),
    }
    app.status.merge_collection(wanted.collection, columns)
    log.info("Collection %s is being created (operation %s)", wanted.collection, made)
    return False


def _why_not_created(operation_id: str, row: Mapping[str, Any], app: Clients) -> str | None:
    """Looks how the creation stands.

    Returns:
        Why GeoCatalog refuses the collection; None while it is being created.

    Raises:
        Unavailable: it was not created for a reason that may pass: it is tried again.
    """
    operation = app.geocatalog.get_operation(operation_id)
    outcome = read_outcome(operation) if operation else OperationOutcome(OperationState.LOST)
    is_late = app.now() - row["created_at"] > app.timings.quiet
    if outcome.state is OperationState.OPEN or (outcome.state is OperationState.SUCCEEDED and not is_late):
        return None
    app.status.merge_collection(str(row["PartitionKey"]), {"creating_operation": ""})
    reason = ": ".join(filter(None, (outcome.code, outcome.message))) or outcome.state.value
    said = f"GeoCatalog did not create the collection (operation {operation_id}): {reason}"
    if outcome.state is OperationState.FAILED and outcome.remedy is Remedy.FAIL:
        return said
    raise Unavailable(f"{said}; it is tried again.")


def _digest(wanted: WantedCollection) -> str:
    return hashlib.sha256(canonical_json(wanted.definition)).hexdigest()[:32]


def _refuse_definition(wanted: WantedCollection, message: CollectionMessage, why: str, app: Clients) -> bool:
    records = {part: _finished(part, wanted, [], []) for part in Part if wanted.refusals(part)}
    records[Part.DEFINITION] = _finished(Part.DEFINITION, wanted, [], [why])
    _record(wanted, message, records, app)
    return True


def _come_back(message: CollectionMessage, app: Clients) -> None:
    since = message.retry_since or app.now()
    if app.now() - since > app.settings.retry_max_age:
        raise Unavailable("The collection was not configured in all the time that a message may be delayed.")
    again = {"attempt": message.attempt or 0, "retry_since": format_timestamp(since)}
    delay = max(_CREATION_CHECK * app.settings.time_scale, timedelta(seconds=1))
    app.queues.send(QueueName.COLLECTIONS, dump_message(message) | again, delay=delay)


# Applying


class _OutOfTime(Exception):
    """The call budget is used up; what is left is for the next run."""


def _apply(wanted: WantedCollection, message: CollectionMessage, app: Clients) -> bool:
    """Makes the writes that are needed, part by part; what was done stands in the row after each part.

    Returns:
        Whether all is done; otherwise the message is to come back.
    """
    row = app.status.get_collection(wanted.collection)
    work = _Work(
        app=app,
        ends_at=app.now() + app.timings.call_budget,
        fingerprints=json.loads(row.get("fingerprints") or "{}"),
        done=json.loads(row.get("done") or "{}"),
        created_as=str(row.get("created_as") or ""),
    )
    wanted, refused, unavailable = _with_image(wanted, message, app)
    try:
        records = {part: _apply_part(part, wanted, refused.get(part, []), work) for part in Part}
    except _OutOfTime:
        return False
    if unavailable:
        raise unavailable
    _record(wanted, message, records, app)
    return True


def _with_image(
    wanted: WantedCollection, message: CollectionMessage, app: Clients
) -> tuple[WantedCollection, dict[Part, list[str]], Unavailable | None]:
    """Reads the thumbnail; a host that does not answer is asked again later, after all else has been applied."""
    if wanted.thumbnail is None:
        return wanted, {}, None
    try:
        image = read_thumbnail(wanted.thumbnail, app.hrefs, trusted=wanted.trusts_thumbnail)
    except BadContent as error:
        return wanted, {Part.THUMBNAIL: [error.message]}, None
    except Unavailable as error:
        if (message.attempt or 0) < _THUMBNAIL_TRIES:
            return wanted, {}, error
        return (
            wanted,
            {Part.THUMBNAIL: [f"The thumbnail: {error.message} It was tried {_THUMBNAIL_TRIES} times."]},
            None,
        )
    return replace(wanted, image=image), {}, None


@dataclass(frozen=True)
class _Work:
    """What one run carries along.

    Attributes:
        app: the clients.
        ends_at: when it makes no further write, so that its claim cannot end before it.
        fingerprints: of each part when it was last applied, as they stand in the row.
        done: what runs of this message have done so far, by part, as it stands in the row.
        created_as: digest of the definition the collection was created with.
    """

    app: Clients
    ends_at: datetime
    fingerprints: dict[str, str]
    done: dict[str, list[str]]
    created_as: str


def _apply_part(part: Part, wanted: WantedCollection, refused: list[str], work: _Work) -> PartRecord:
    """Makes the writes of one part; a refusal is recorded and does not stop the others."""
    catalog = work.app.geocatalog
    refused = list(refused)
    if getattr(wanted, "image" if part is Part.THUMBNAIL else part.value) is not None:
        live = read_part(part, wanted.collection, catalog)
        # What GeoCatalog made of the definition it was created with is taken as it is.
        is_new = part is Part.DEFINITION and part.value not in work.fingerprints and work.created_as == _digest(wanted)
        fingerprint = work.fingerprints.get(part.value, "")
        steps = [] if is_new else part_steps(part, wanted, live, catalog, fingerprint=fingerprint)
        try:
            refused += _make(steps, work.done.setdefault(part.value, []), work)
        except (IngestionError, _OutOfTime):
            _remember(part, wanted, work, is_whole=False)
            raise
        if steps or is_new:
            _remember(part, wanted, work, is_whole=not refused)
    return _finished(part, wanted, work.done.get(part.value, []), refused)


def _make(steps: list[Step], done: list[str], work: _Work) -> list[str]:
    """Makes writes and notes each that is done; returns why others were refused."""
    refused = []
    for step in steps:
        if work.app.now() > work.ends_at:
            raise _OutOfTime
        try:
            step.write()
        except BadContent as error:
            refused.append(f"{step.what}: {error.message}")
        else:
            done.append(step.what)
    return refused


def _remember(part: Part, wanted: WantedCollection, work: _Work, *, is_whole: bool) -> None:
    """Writes into the row what was done of a part, and what GeoCatalog made of it."""
    collection, app = wanted.collection, work.app
    work.fingerprints.pop(part.value, None)
    if is_whole:
        shown = read_part(part, collection, app.geocatalog)
        work.fingerprints[part.value] = fingerprint_of(part, wanted, shown)
    columns = {"fingerprints": json.dumps(work.fingerprints), "done": json.dumps(_shortened(work.done))}
    app.status.merge_collection(collection, columns)


def _shortened(done: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {part: whats if len("; ".join(whats)) <= _MAX_DETAIL else [*whats[:20], "…"] for part, whats in done.items()}


def _finished(part: Part, wanted: WantedCollection, done: list[str], refused: list[str]) -> PartRecord:
    refused = [*(str(refusal) for refusal in wanted.refusals(part)), *refused]
    if refused:
        rest = f" (done: {'; '.join(done)})" if done else ""
        return PartRecord(PartState.REFUSED, "; ".join(refused) + rest)
    return PartRecord(PartState.APPLIED, "; ".join(done)) if done else PartRecord(PartState.UNCHANGED)


# Recording


def _record(
    wanted: WantedCollection, message: CollectionMessage, records: Mapping[Part, PartRecord], app: Clients
) -> None:
    now = app.now()
    refused = {part: record.detail for part, record in records.items() if record.state is PartState.REFUSED}
    summary = "; ".join(refused.values())[:_MAX_DETAIL]
    app.queues.send_result(
        Result(
            collection=wanted.collection,
            id=None,
            outcome=Outcome.FAILED if refused else Outcome.APPLIED,
            error_code=ErrorCode.CONFIGURATION_REFUSED.value if refused else None,
            error_message=summary or None,
            correlation_id=message.correlation_id,
            finished_at=now,
        )
    )
    parts = {
        part.value: {"state": record.state.value, "detail": record.detail[:_MAX_DETAIL]}
        for part, record in records.items()
    }
    columns = {
        "applied": json.dumps(parts, ensure_ascii=False),
        "configured_at": now,
        "correlation_id": message.correlation_id or "",
        "creating_operation": "",
        "done": "{}",
        "error_code": ErrorCode.CONFIGURATION_REFUSED.value if refused else "",
        "error_message": summary,
    }
    app.status.merge_collection(wanted.collection, columns)
    resumed = resume_held(app, collection=wanted.collection)
    if resumed:
        log.info("Collection %s: %s held items are tried again", wanted.collection, resumed)
    log.info(
        "Collection %s: %s", wanted.collection, {part.value: record.state.value for part, record in records.items()}
    )
