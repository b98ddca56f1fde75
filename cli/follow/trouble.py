"""Groups everything that needs attention by its kind, its error code and the collection, from the indexes alone."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.explain.error_catalog import remedy
from cli.follow.dead_letters import LetterFilter, find_letters
from cli.follow.item_rows import ItemFilter
from shared.basics.errors import ErrorCode
from shared.clients import Clients
from shared.records.collection_rows import collection_born
from shared.records.status_rows import INDEXES, ItemStatus

_COLUMNS = ("RowKey", "Timestamp", "error_code", "error_message", "attempt", "next_attempt", "since")


class TroubleKind(StrEnum):
    """What a group consists of."""

    FAILED = ItemStatus.FAILED.value
    HELD = ItemStatus.HELD.value
    WAITING = ItemStatus.WAITING.value
    REFUSED_PART = "RefusedPart"
    DEAD_LETTER = "DeadLetter"


@dataclass
class Group:
    """Everything of one kind with one error code in one collection, or from one queue.

    Attributes:
        kind: what it consists of.
        error_code: the last fault's code; empty for an item that waits without one, such as for its turn.
        collection: id of the collection; None for dead letters.
        queue: the queue that dead letters were on; None for anything else.
        count: how many there are.
        oldest: since when the oldest stands.
        attempts: the most tries of one, where they are known.
        next_attempt: when the first of them is tried again.
        example: one of them: id of an item, name of a part, or key of a dead letter.
        message: what that one says.
    """

    kind: TroubleKind
    error_code: str
    collection: str | None
    queue: str | None = None
    count: int = 0
    oldest: dt.datetime | None = None
    attempts: int | None = None
    next_attempt: dt.datetime | None = None
    example: str = ""
    message: str = ""

    @property
    def remedy(self) -> str:
        """What to do."""
        return remedy(self.error_code, is_final=self.kind is TroubleKind.FAILED)

    def fields(self) -> dict[str, Any]:
        """Return the group as JSON types."""
        return {**vars(self), "kind": self.kind.value, "remedy": self.remedy}

    def add(self, entry: Mapping[str, Any], example: str, since: dt.datetime | None) -> None:
        """Count one more of them."""
        if not self.count:
            self.example, self.message = example, str(entry.get("error_message") or "")
        self.count += 1
        self.oldest = min((moment for moment in (self.oldest, since) if moment), default=None)
        if entry.get("attempt") is not None:
            self.attempts = max(self.attempts or 0, int(entry["attempt"]))
        self.next_attempt = min((one for one in (self.next_attempt, entry.get("next_attempt")) if one), default=None)


def read_groups(wanted: ItemFilter, app: Clients) -> list[Group]:
    """Read and group what needs attention, the largest groups of each kind first.

    Args:
        wanted: collections, error code and age; dead letters are left out where a collection is named.
        app: the clients.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    groups: dict[tuple[str, ...], Group] = {}
    for collection in wanted.collections or tuple(app.status.partitions()):
        row = app.status.get_collection(collection)
        born = collection_born(row)
        for state, prefix in INDEXES.items():
            for entry in app.status.query_prefix(collection, prefix, select=_COLUMNS):
                changed = _written(entry)
                if (born is None or changed >= born) and _takes(wanted, entry, changed):
                    group = _group(groups, TroubleKind(state.value), entry, collection=collection)
                    group.add(entry, str(entry["RowKey"]).removeprefix(prefix), entry.get("since") or changed)
        for part, entry in _refused_parts(row):
            if _takes(wanted, entry, row.get("configured_at")):
                group = _group(groups, TroubleKind.REFUSED_PART, entry, collection=collection)
                group.add(entry, part, row.get("configured_at"))
    if not wanted.collections:
        _add_letters(groups, wanted, app)
    kinds = list(TroubleKind)
    return sorted(groups.values(), key=lambda group: (kinds.index(group.kind), -group.count, group.error_code))


def _group(groups: dict[tuple[str, ...], Group], kind: TroubleKind, entry: Mapping[str, Any], **where: str) -> Group:
    code = str(entry.get("error_code") or "")
    made = Group(kind, code, where.get("collection"), where.get("queue"))
    return groups.setdefault((kind, code, *where.values()), made)


def _takes(wanted: ItemFilter, entry: Mapping[str, Any], changed: dt.datetime | None) -> bool:
    if wanted.error_code and str(entry.get("error_code") or "").casefold() != wanted.error_code.casefold():
        return False
    return not (wanted.newer_than and (changed is None or changed < wanted.newer_than))


def _written(entry: Any) -> dt.datetime:  # noqa: ANN401 - an entity, whose metadata tells when it was written
    moment: dt.datetime = entry.metadata["timestamp"]
    return moment


def _refused_parts(row: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part, record in json.loads(row.get("applied") or "{}").items():
        if record.get("state") == "refused":
            code = ErrorCode.CONFIGURATION_REFUSED.value
            yield part, {"error_code": code, "error_message": record.get("detail")}


def _add_letters(groups: dict[tuple[str, ...], Group], wanted: ItemFilter, app: Clients) -> None:
    letters = LetterFilter(error_code=wanted.error_code, newer_than=wanted.newer_than, older_than=wanted.older_than)
    for row in find_letters(letters, app):
        entry = {"error_code": row.get("error_code"), "error_message": row.get("reason")}
        group = _group(groups, TroubleKind.DEAD_LETTER, entry, queue=str(row["PartitionKey"]))
        group.add(entry, str(row["RowKey"])[:12], row.get("first_seen"))
