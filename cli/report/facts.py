"""Gathers what the report shows."""

import datetime as dt
import itertools
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.follow.counts import Overview, current_items, read_overview
from cli.follow.item_rows import item_id_of
from cli.sources.source_states import SourceState, read_sources
from shared.clients import Clients
from shared.messages.results import Outcome
from shared.records.status_rows import COUNT_PREFIX, ItemStatus

# More outlines than this make a page that browsers are slow to draw; those that need attention come first.
MAX_FOOTPRINTS = 5_000
_ATTENTION = {ItemStatus.FAILED: 0, ItemStatus.HELD: 1, ItemStatus.CANCELED: 2, ItemStatus.WAITING: 3}


@dataclass(frozen=True)
class Footprint:
    """The outline of one item.

    Attributes:
        name: collection and item id.
        state: its state.
        bbox: west, south, east, north in degrees.
    """

    name: str
    state: ItemStatus
    bbox: tuple[float, float, float, float]


@dataclass(frozen=True)
class FailureGroup:
    """Failures with the same code.

    Attributes:
        code: the error code.
        count: how many there are.
        example: one of them: collection and item id, or the queue of a dead letter.
        message: what was said of it.
    """

    code: str
    count: int
    example: str
    message: str


@dataclass(frozen=True)
class Facts:
    """Everything the report shows.

    Attributes:
        at: when it was gathered.
        overview: the counts.
        footprints: outlines of items, those that need attention first.
        left_out: how many more outlines there are.
        days: outcomes by day, oldest first.
        freshness: when an item of each collection was last ingested.
        failures: failures by code, most frequent first.
        sources: the ingestion sources.
    """

    at: dt.datetime
    overview: Overview
    footprints: list[Footprint]
    left_out: int
    days: dict[str, dict[str, int]]
    freshness: dict[str, dt.datetime]
    failures: list[FailureGroup]
    sources: list[SourceState]


def gather(app: Clients) -> Facts:
    """Reads what the report shows.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    overview = read_overview(app)
    footprints = _Footprints()
    freshness: dict[str, dt.datetime] = {}
    failures = _Failures()
    for collection in overview.collections:
        columns = ["status", "bbox", "error_code", "error_message"]
        for row in current_items(collection, app, select=columns):
            state = ItemStatus(row["status"])
            outline = _bbox(row)
            if outline and state is not ItemStatus.DELETED:
                footprints.add(Footprint(f"{collection}/{item_id_of(row)}", state, outline))
            finished = row.get("finished_at")
            if state is ItemStatus.SUCCEEDED and finished:
                freshness[collection] = max(freshness.get(collection, finished), finished)
            if state in _ATTENTION and state is not ItemStatus.WAITING:
                failures.add(row, f"{collection}/{item_id_of(row)}")
    for letter in app.deadletters.rows(select=["PartitionKey", "error_code", "reason"]):
        failures.add({**letter, "error_message": letter.get("reason")}, f"queue {letter['PartitionKey']}")
    return Facts(
        at=app.now(),
        overview=overview,
        footprints=footprints.shown(),
        left_out=footprints.left_out(),
        days=_days(overview, app),
        freshness=freshness,
        failures=failures.groups(),
        sources=read_sources(app),
    )


class _Footprints:
    """Keeps the outlines that may be shown and counts the others, so that millions of rows take no more memory."""

    def __init__(self) -> None:
        self._count = 0
        self._kept: list[list[Footprint]] = [[] for _ in range(len(_ATTENTION) + 1)]

    def add(self, footprint: Footprint) -> None:
        self._count += 1
        alike = self._kept[_ATTENTION.get(footprint.state, len(_ATTENTION))]
        if len(alike) < MAX_FOOTPRINTS:
            alike.append(footprint)

    def shown(self) -> list[Footprint]:
        return list(itertools.islice(itertools.chain(*self._kept), MAX_FOOTPRINTS))

    def left_out(self) -> int:
        return max(self._count - MAX_FOOTPRINTS, 0)


class _Failures:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, tuple[str, str]] = {}

    def add(self, row: Mapping[str, Any], name: str) -> None:
        code = str(row.get("error_code") or "(no code)")
        self._counts[code] += 1
        self._first.setdefault(code, (name, str(row.get("error_message") or "")))

    def groups(self) -> list[FailureGroup]:
        return [FailureGroup(code, count, *self._first[code]) for code, count in self._counts.most_common()]


_FULL_BBOX = 6


def _bbox(row: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    numbers = json.loads(row.get("bbox") or "[]")
    if len(numbers) == _FULL_BBOX:
        numbers = [*numbers[:2], *numbers[3:5]]
    return (numbers[0], numbers[1], numbers[2], numbers[3]) if numbers else None


def _days(overview: Overview, app: Clients) -> dict[str, dict[str, int]]:
    days: dict[str, Counter[str]] = {}
    for collection in overview.collections:
        for row in app.status.query_prefix(collection, COUNT_PREFIX):
            day = str(row["RowKey"]).removeprefix(COUNT_PREFIX)
            counted = {outcome.value: int(row.get(outcome.value) or 0) for outcome in Outcome}
            days.setdefault(day, Counter()).update(counted)
    return {day: dict(counts) for day, counts in sorted(days.items())}
