"""`geocatalog watch`: the counts, live, with rate and time left, until nothing is queued or open."""

import datetime as dt
import json
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.faults import ExitCode
from cli.output import console, in_words, note, say
from cli.rows.counts import Overview, read_overview
from cli.rows.until import Until, UntilKind
from shared.clients import Clients
from shared.messages import QueueName
from shared.status_rows import ItemStatus

_WORK_QUEUES = (QueueName.ITEMS.value, QueueName.COLLECTIONS.value, QueueName.DELETIONS.value)
_OPEN = (ItemStatus.SUBMITTING.value, ItemStatus.SUBMITTED.value, ItemStatus.WAITING.value)
_QUEUED_STATES = (ItemStatus.SUBMITTING.value, ItemStatus.WAITING.value, ItemStatus.HELD.value)
_BAD = (ItemStatus.FAILED.value, ItemStatus.CANCELED.value)
_DONE = (ItemStatus.SUCCEEDED.value, ItemStatus.FAILED.value, ItemStatus.CANCELED.value, ItemStatus.DELETED.value)
_LOOK_SECONDS = 1.0
# The rate is that of the last minute.
_RATE_WINDOW_SECONDS = 60.0
# Looks in a row that must agree, since a queue's depth is approximate and a message can be between two places.
_AGREEING_LOOKS = 2
# How long nothing but held items must be left before the watch ends: a source may be on its way.
_HELD_SECONDS = 10.0


@dataclass(frozen=True)
class Look:
    """What one look saw.

    Attributes:
        overview: the counts.
        queued: messages on the work queues that may belong to what is watched, delayed ones included.
        open: items that are being worked on.
        held: items that wait for an operator.
        done: items that have come to an end.
        bad: those of them that failed or were canceled.
    """

    overview: Overview
    queued: int
    open: int
    held: int
    done: int
    bad: int

    @property
    def left(self) -> int:
        """How many things are still to come to an end, held items excepted."""
        submitted = self.overview.totals.get(ItemStatus.SUBMITTED.value, 0)
        return max(self.queued - self.held, 0) + max(submitted, self._open_operations)

    @property
    def _open_operations(self) -> int:
        return sum(counts.open_operations for counts in self.overview.collections.values())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued or open, held items excepted."""
        return not self.open and not self._open_operations and self.queued <= self.held


def watch(app: Clients, *, collections: list[str], correlation_id: str | None, until: Until, as_json: bool) -> None:
    """Watches until what `until` says, and ends with the exit code.

    Args:
        app: the clients.
        collections: ids of the collections to watch; empty for all.
        correlation_id: watches only what carries this mark.
        until: when to end.
        as_json: whether to print a line of JSON per change.

    Raises:
        typer.Exit: something failed or was canceled meanwhile, is held, or was not done in time.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    first = _look(app, collections, correlation_id)
    # With a mark, all that carries it was sent on purpose: its failures count from before the watch too.
    bad_before = 0 if correlation_id else first.bad
    seen = _Watched(first, until, app)
    if as_json or not sys.stdout.isatty():
        last = _follow_quietly(seen, collections, correlation_id, as_json=as_json)
    else:
        last = _follow_live(seen, collections, correlation_id)
    _end(last, seen, bad=last.bad - bad_before, as_json=as_json)


class _Watched:
    """Keeps what the looks saw, to tell the rate and the end."""

    def __init__(self, first: Look, until: Until, app: Clients) -> None:
        self.app = app
        self.first = first
        self.until = until
        self.in_time = True
        self._started = time.monotonic()
        self._done: deque[tuple[float, int]] = deque([(self._started, first.done)])
        self._idle_looks = 0
        self._held_since: float | None = None

    def ends_with(self, look: Look) -> bool:
        now = time.monotonic()
        self._done.append((now, look.done))
        while self._done[0][0] < now - _RATE_WINDOW_SECONDS:
            self._done.popleft()
        self._idle_looks = self._idle_looks + 1 if look.is_idle else 0
        if self.until.kind is UntilKind.SUBMITTED:
            return not look.queued
        if self.until.moment and self.app.now() >= self.until.moment:
            self.in_time = self.until.kind is UntilKind.NEVER or look.is_idle
            return True
        if self.until.kind is UntilKind.NEVER or self._idle_looks < _AGREEING_LOOKS:
            return False
        if not look.held:
            return True
        self._held_since = self._held_since or now
        return now - self._held_since >= _HELD_SECONDS

    @property
    def rate(self) -> float:
        (then, before), (now, after) = self._done[0], self._done[-1]
        return max(after - before, 0) / (now - then) if now > then else 0.0

    @property
    def elapsed(self) -> dt.timedelta:
        return dt.timedelta(seconds=time.monotonic() - self._started)

    def left(self, look: Look) -> dt.timedelta | None:
        return dt.timedelta(seconds=look.left / self.rate) if self.rate and look.left else None


def _look(app: Clients, collections: list[str], correlation_id: str | None) -> Look:
    overview = read_overview(app, collections=collections or None, correlation_id=correlation_id)
    totals = overview.totals
    # An item in one of these states has a message on the queue; those of other items are not waited for.
    of_others = sum(overview.elsewhere[name] for name in _QUEUED_STATES)
    return Look(
        overview=overview,
        queued=max(sum(overview.queues.get(name, 0) for name in _WORK_QUEUES) - of_others, 0),
        open=sum(totals.get(name, 0) for name in _OPEN),
        held=totals.get(ItemStatus.HELD.value, 0),
        done=sum(totals.get(name, 0) for name in _DONE),
        bad=sum(totals.get(name, 0) for name in _BAD),
    )


def _follow_live(seen: _Watched, collections: list[str], correlation_id: str | None) -> Look:
    look = seen.first
    with Live(_picture(look, seen), console=console(), transient=False, refresh_per_second=4) as live:
        while not seen.ends_with(look):
            time.sleep(_LOOK_SECONDS)
            look = _look(seen.app, collections, correlation_id)
            live.update(_picture(look, seen))
    return look


def _follow_quietly(seen: _Watched, collections: list[str], correlation_id: str | None, *, as_json: bool) -> Look:
    look, told = seen.first, ""
    while True:
        fields = _fields(look, seen)
        change = json.dumps([fields["items"], fields["queued"]])
        if change != told:
            told = change
            say(json.dumps(fields, default=str) if as_json else _line(look))
            sys.stdout.flush()
        if seen.ends_with(look):
            return look
        time.sleep(_LOOK_SECONDS)
        look = _look(seen.app, collections, correlation_id)


def _fields(look: Look, seen: _Watched) -> dict[str, Any]:
    left = seen.left(look)
    return {
        "items": look.overview.totals,
        "queued": look.queued,
        "left": look.left,
        "rate_per_second": round(seen.rate, 2),
        "seconds_left": round(left.total_seconds()) if left else None,
    }


def _line(look: Look) -> str:
    states = ", ".join(f"{name} {count:,}" for name, count in look.overview.totals.items() if count)
    return f"{states or 'no items yet'}; queued {look.queued:,}"


def _picture(look: Look, seen: _Watched) -> Group:
    totals = look.overview.totals
    table = Table(box=None, pad_edge=False, header_style="bold")
    states = [state.value for state in ItemStatus if totals.get(state.value)]
    table.add_column("Collection")
    for heading in (*states, "Open"):
        table.add_column(heading, justify="right")
    for name, counts in sorted(look.overview.collections.items()):
        table.add_row(name, *(f"{counts.items[state]:,}" for state in states), f"{counts.open_operations:,}")
    left = seen.left(look)
    summary = f"queued {look.queued:,}  {seen.rate:,.1f}/s  {in_words(seen.elapsed)}"
    return Group(table, Text(summary + (f"  about {in_words(left)} left" if left else "")))


def _end(last: Look, seen: _Watched, *, bad: int, as_json: bool) -> None:
    if not as_json and sys.stdout.isatty():
        say(_line(last))
    if bad > 0:
        note(f"{bad:,} items failed or were canceled meanwhile; see geocatalog failures.")
    if last.held and seen.until.kind is UntilKind.DONE:
        note(f"{last.held:,} items are held and need an operator: geocatalog failures says what to do.")
    if not seen.in_time:
        note(f"{last.left:,} are not done yet.")
    if bad > 0 or not seen.in_time or (last.held and seen.until.kind is UntilKind.DONE):
        raise typer.Exit(ExitCode.FAILED)
