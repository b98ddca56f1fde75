"""Applies a configuration to a collection that exists, part by part, by the writes that are needed only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.basics.errors import BadContent, IngestionError, Unavailable
from shared.clients import Clients
from shared.collections.creation import definition_digest
from shared.collections.outcomes import MAX_DETAIL, PartRecord, part_record, record
from shared.collections.steps import Step, Unshown, fingerprint_of, part_steps, read_part
from shared.configuration.shapes import Part
from shared.configuration.wanted import WantedCollection
from shared.files.hrefs import HrefReader
from shared.files.images import read_thumbnail
from shared.messages.envelope import Envelope

# A thumbnail whose host does not answer holds up nothing else; after so many tries it is refused.
_THUMBNAIL_TRIES = 4


class _OutOfTime(Exception):
    """The call budget is used up; what is left is for the next run."""


def apply_parts(wanted: WantedCollection, envelope: Envelope, app: Clients) -> bool:
    """Makes the writes that are needed, part by part; what was done stands in the row after each part.

    Returns:
        Whether all is done; otherwise the message is to come back.

    Raises:
        IngestionError: GeoCatalog or the thumbnail's host did not answer: what is left is tried again.
    """
    row = app.status.get_collection(wanted.collection)
    work = _Work(
        app=app,
        ends_at=app.now() + app.timings.call_budget,
        fingerprints=json.loads(row.get("fingerprints") or "{}"),
        done=json.loads(row.get("done") or "{}"),
        created_as=str(row.get("created_as") or ""),
        sent_queryables=json.loads(row.get("sent_queryables") or "{}"),
    )
    wanted, refused, unavailable = _with_image(wanted, envelope.attempt, app.hrefs)
    try:
        records = {part: _apply_part(part, wanted, refused.get(part, []), work) for part in Part}
    except _OutOfTime:
        return False
    if unavailable:
        raise unavailable
    record(wanted, envelope.correlation_id, records, app)
    return True


def _with_image(
    wanted: WantedCollection, attempt: int, hrefs: HrefReader
) -> tuple[WantedCollection, dict[Part, list[str]], Unavailable | None]:
    """Reads the thumbnail; a host that does not answer is asked again later, after all else has been applied."""
    if wanted.thumbnail is None:
        return wanted, {}, None
    try:
        image = read_thumbnail(wanted.thumbnail, hrefs, trusted=wanted.trusts_thumbnail)
    except BadContent as error:
        return wanted, {Part.THUMBNAIL: [error.message]}, None
    except Unavailable as error:
        if attempt < _THUMBNAIL_TRIES:
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
        sent_queryables: what was sent of queryables that GeoCatalog does not show, as it stands in the row.
    """

    app: Clients
    ends_at: datetime
    fingerprints: dict[str, str]
    done: dict[str, list[str]]
    created_as: str
    sent_queryables: Unshown


def _apply_part(part: Part, wanted: WantedCollection, refused: list[str], work: _Work) -> PartRecord:
    """Makes the writes of one part; a refusal is recorded and does not stop the others."""
    catalog = work.app.geocatalog
    refused = list(refused)
    if getattr(wanted, "image" if part is Part.THUMBNAIL else part.value) is not None:
        live = read_part(part, wanted.collection, catalog)
        # What GeoCatalog made of the definition it was created with is taken as it is.
        is_new = (
            part is Part.DEFINITION
            and part.value not in work.fingerprints
            and work.created_as == definition_digest(wanted)
        )
        fingerprint = work.fingerprints.get(part.value, "")
        sent = work.sent_queryables
        steps = [] if is_new else part_steps(part, wanted, live, catalog, fingerprint=fingerprint, sent=sent)
        try:
            refused += _make(steps, work.done.setdefault(part.value, []), work)
        except (IngestionError, _OutOfTime):
            _remember(part, wanted, work, is_whole=False)
            raise
        if steps or is_new:
            _remember(part, wanted, work, is_whole=not refused)
    return part_record(part, wanted, work.done.get(part.value, []), refused)


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
    if part is Part.QUERYABLES:
        columns["sent_queryables"] = json.dumps(work.sent_queryables)
    app.status.merge_collection(collection, columns)


def _shortened(done: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {part: whats if len("; ".join(whats)) <= MAX_DETAIL else [*whats[:20], "…"] for part, whats in done.items()}
