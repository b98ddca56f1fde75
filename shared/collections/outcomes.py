"""What became of a collection's configuration, part by part: into its row, its result and the log."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.basics.errors import ErrorCode
from shared.clients import Clients
from shared.configuration.shapes import Part
from shared.configuration.wanted import WantedCollection
from shared.items.resume import resume_for_a_while
from shared.messages.results import Outcome

log = logging.getLogger(__name__)

# What a column of the row holds of one part, and of all: a column takes 32 Ki characters.
MAX_DETAIL = 2000


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


def part_record(part: Part, wanted: WantedCollection, done: list[str], refused: list[str]) -> PartRecord:
    """Returns what became of a part.

    Args:
        part: the part.
        wanted: the collection as it should be, which may refuse the part by itself.
        done: what was done.
        refused: what else was refused, and why.
    """
    refused = [*(str(refusal) for refusal in wanted.refusals(part)), *refused]
    if refused:
        rest = f" (done: {'; '.join(done)})" if done else ""
        return PartRecord(PartState.REFUSED, "; ".join(refused) + rest)
    return PartRecord(PartState.APPLIED, "; ".join(done)) if done else PartRecord(PartState.UNCHANGED)


def record(wanted: WantedCollection, correlation_id: str, records: Mapping[Part, PartRecord], app: Clients) -> None:
    """Announces what became of each part, writes it into the collection's row and resumes the items held for it."""
    now = app.now()
    refused = {part: found.detail for part, found in records.items() if found.state is PartState.REFUSED}
    summary = "; ".join(refused.values())[:MAX_DETAIL]
    app.delivery.announce(
        Outcome.FAILED if refused else Outcome.APPLIED,
        collection=wanted.collection,
        error_code=ErrorCode.CONFIGURATION_REFUSED.value if refused else None,
        error_message=summary or None,
        correlation_id=correlation_id,
    )
    parts = {
        part.value: {"state": found.state.value, "detail": found.detail[:MAX_DETAIL]} for part, found in records.items()
    }
    columns = {
        "applied": json.dumps(parts, ensure_ascii=False),
        "configured_at": now,
        "correlation_id": correlation_id,
        "creating_operation": "",
        "done": "{}",
        "error_code": ErrorCode.CONFIGURATION_REFUSED.value if refused else "",
        "error_message": summary,
    }
    app.status.merge_collection(wanted.collection, columns)
    resume_for_a_while(app, collection=wanted.collection)
    log.info("Collection %s: %s", wanted.collection, {part.value: found.state.value for part, found in records.items()})
