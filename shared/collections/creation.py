"""Has GeoCatalog create a collection, and looks how that stands."""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from shared.basics.errors import BadContent, Unavailable
from shared.basics.json_codec import canonical_json
from shared.clients import Clients
from shared.collections.outcomes import part_record, record
from shared.configuration.shapes import Part
from shared.configuration.wanted import WantedCollection
from shared.messages.envelope import Envelope
from shared.services.operation_states import OperationOutcome, OperationState, Remedy, read_outcome

log = logging.getLogger(__name__)


def create_collection(wanted: WantedCollection, envelope: Envelope, app: Clients) -> bool:
    """Has the collection created, or looks how that stands.

    Returns:
        Whether the message has come to its end, because the collection was refused.

    Raises:
        IngestionError: GeoCatalog did not answer, or not as it should: it is tried again.
    """
    row = app.status.get_collection(wanted.collection)
    operation_id = str(row.get("creating_operation") or "")
    if operation_id:
        why = _why_not_created(operation_id, row, app)
        return _refuse_definition(wanted, envelope, why, app) if why else False
    # Written first: whatever becomes of the call, what was known of an earlier collection counts no more.
    fresh = {"created_at": app.now(), "fingerprints": "{}", "done": "{}", "sent_queryables": "{}"}
    app.status.merge_collection(wanted.collection, fresh)
    try:
        made = app.geocatalog.post_collection(wanted.definition or {})
    except BadContent as error:
        return _refuse_definition(wanted, envelope, error.message, app)
    columns = {
        "creating_operation": made or "",
        "created_as": definition_digest(wanted),
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
    if outcome.state is OperationState.OPEN and app.now() - row["created_at"] > app.settings.operation_deadline:
        raise Unavailable(f"GeoCatalog has not created the collection (operation {operation_id}) in all this time.")
    if outcome.state is OperationState.OPEN or (outcome.state is OperationState.SUCCEEDED and not is_late):
        return None
    app.status.merge_collection(str(row["PartitionKey"]), {"creating_operation": ""})
    reason = ": ".join(filter(None, (outcome.code, outcome.message))) or outcome.state.value
    said = f"GeoCatalog did not create the collection (operation {operation_id}): {reason}"
    if outcome.state is OperationState.FAILED and outcome.remedy is Remedy.FAIL:
        return said
    raise Unavailable(f"{said}; it is tried again.")


def definition_digest(wanted: WantedCollection) -> str:
    """Returns a digest of the definition, to know it again."""
    return hashlib.sha256(canonical_json(wanted.definition)).hexdigest()[:32]


def _refuse_definition(wanted: WantedCollection, envelope: Envelope, why: str, app: Clients) -> bool:
    records = {part: part_record(part, wanted, [], []) for part in Part if wanted.refusals(part)}
    records[Part.DEFINITION] = part_record(Part.DEFINITION, wanted, [], [why])
    record(wanted, envelope.correlation_id, records, app)
    return True
