"""`geocatalog watch`: the counts, live, with rate and time left, until nothing is queued or open."""

import datetime as dt
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import typer

from cli.follow.counts import Overview, read_overview
from cli.follow.dead_letters import LetterFilter, find_letters
from cli.follow.watching.stale_copies import stale_copies
from cli.follow.watching.until import Until, UntilKind
from cli.output.faults import ExitCode
from cli.output.printing import note, say
from shared.clients import Clients
from shared.messages.models import WORK_QUEUES
from shared.records.status_rows import ItemStatus

_OPEN = (ItemStatus.SUBMITTING.value, ItemStatus.SUBMITTED.value, ItemStatus.WAITING.value)
_QUEUED_STATES = (ItemStatus.SUBMITTING, ItemStatus.WAITING, ItemStatus.HELD)
_BAD = (ItemStatus.FAILED.value, ItemStatus.CANCELED.value)
_DONE = (ItemStatus.SUCCEEDED.value, ItemStatus.FAILED.value, ItemStatus.CANCELED.value, ItemStatus.DELETED.value)
_LOOK_SECONDS = 1.0
# The rate is that of the last minute.
_RATE_WINDOW_SECONDS = 60.0
# Looks in a row that must agree, since a queue's depth is approximate and a message can be between two places.
_AGREEING_LOOKS = 2
# How long nothing but held items must be left before the watch ends: a source may be on its way.
_HELD_SECONDS = 10.0
# An app that runs takes a message within seconds, even where its instance has to be started first.
_STANDSTILL_SECONDS = 60.0
# How long a look may take even where the time of `until` is over by then: tens of thousands of rows, so that the watch
# of no more than those ends with what stands at its end.
_LAST_LOOK = dt.timedelta(seconds=5)


class _TimeOverError(Exception):
    """The time of `until` was over before a look had read all rows."""


@dataclass(frozen=True)
class Look:
    """What one look saw.

    Attributes:
        overview: the counts.
        queued: messages on the work queues that may belong to what is watched, delayed ones included.
        stale: those of them that nothing waits for; looked for only where they would be all that is left.
        open: items that are being worked on.
        held: items that wait for an operator.
        done: items that have come to an end.
        bad: those of them that failed or were canceled.
    """

    overview: Overview
    queued: int
    stale: int
    open: int
    held: int
    done: int
    bad: int

    @property
    def left(self) -> int:
        """How many things are still to come to an end, held items excepted."""
        submitted = self.overview.totals.get(ItemStatus.SUBMITTED.value, 0)
        return max(self.queued - self.held - self.stale, 0) + max(submitted, self.open_operations)

    @property
    def open_operations(self) -> int:
        """How many operations GeoCatalog works on."""
        return sum(counts.open_operations for counts in self.overview.collections.values())

    @property
    def is_submitted(self) -> bool:
        """Whether nothing is queued, held items excepted."""
        return self.queued <= self.held + self.stale

    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued or open, held items excepted."""
        return not self.open and not self.open_operations and self.is_submitted


def watch(app: Clients, *, collections: list[str], correlation_id: str | None, until: Until, as_json: bool) -> None:
    """Watches until what `until` says, and ends with the exit code.

    Its moment is kept while rows are read too: a look that would take longer is given up.

    Args:
        app: the clients.
        collections: ids of the collections to watch; empty for all.
        correlation_id: watches only what carries this mark.
        until: when to end.
        as_json: whether to print a line of JSON per change.

    Raises:
        typer.Exit: something failed or was canceled meanwhile, was rejected with the mark, is held, or was not done in
            time.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """

    def look() -> Look:
        return _look(app, collections, correlation_id, _time_limit(until, app))

    try:
        first = look()
    except _TimeOverError:
        note(
            "The time was over before all rows were read, so nothing can be told; give it more, or watch less: "
            "--collection, or --correlation-id of what was sent."
        )
        raise typer.Exit(ExitCode.FAILED) from None
    # With a mark, all that carries it was sent on purpose: its failures count from before the watch too.
    bad_before = 0 if correlation_id else first.bad
    seen = _Watched(first, until, app)
    is_live = sys.stdout.isatty() and not as_json
    last = _follow_live(seen, look) if is_live else _follow_quietly(seen, look, as_json=as_json)
    if is_live:
        say(_line(last))
    _end(last, seen, bad=last.bad - bad_before, rejected=_rejected(app, correlation_id))


class _Watched:
    """Keeps what the looks saw, to tell the rate and the end."""

    def __init__(self, first: Look, until: Until, app: Clients) -> None:
        self.first = first
        self.until = until
        self.in_time = True
        self.is_cut_short = False
        self._now = app.now
        self._started = time.monotonic()
        self._done: deque[tuple[float, int]] = deque([(self._started, first.done)])
        self._over_looks = 0
        self._held_since: float | None = None
        self._moved_at = self._started
        self._last = (first.overview.totals, first.queued)
        self._is_standstill_told = False

    def ends_with(self, look: Look) -> bool:
        now = time.monotonic()
        self._done.append((now, look.done))
        while self._done[0][0] < now - _RATE_WINDOW_SECONDS:
            self._done.popleft()
        is_over = self._is_over(look)
        self._over_looks = self._over_looks + 1 if is_over else 0
        if self.until.moment and self._now() >= self.until.moment:
            self.in_time = is_over
            return True
        if self.until.kind is UntilKind.NEVER or self._over_looks < _AGREEING_LOOKS:
            self._tell_standstill(look, now)
            return False
        if not look.held:
            return True
        self._held_since = self._held_since or now
        return now - self._held_since >= _HELD_SECONDS

    def end_cut_short(self, look: Look) -> None:
        """Ends with the last look that came to its end, since the time was over before the next one did."""
        self.in_time = self._is_over(look)
        self.is_cut_short = True

    def _is_over(self, look: Look) -> bool:
        return look.is_submitted if self.until.kind is UntilKind.SUBMITTED else look.is_idle

    def _tell_standstill(self, look: Look, now: float) -> None:
        if (look.overview.totals, look.queued) != self._last:
            self._last, self._moved_at = (look.overview.totals, look.queued), now
        elif now - self._moved_at >= _STANDSTILL_SECONDS and not look.is_idle and not self._is_standstill_told:
            self._is_standstill_told = True
            note(
                f"Nothing has moved for {_STANDSTILL_SECONDS:.0f} s: what is delayed is tried again by itself, but if "
                "the app does not run, start it. `geocatalog doctor` tells."
            )

    @property
    def rate(self) -> float:
        (then, before), (now, after) = self._done[0], self._done[-1]
        return max(after - before, 0) / (now - then) if now > then else 0.0

    @property
    def elapsed(self) -> dt.timedelta:
        return dt.timedelta(seconds=time.monotonic() - self._started)

    def left(self, look: Look) -> dt.timedelta | None:
        return dt.timedelta(seconds=look.left / self.rate) if self.rate and look.left else None


def _time_limit(until: Until, app: Clients) -> Callable[[], None]:
    """Returns what ends a look that begins now when the time is over."""
    end = max(until.moment, app.now() + _LAST_LOOK) if until.moment else None

    def check() -> None:
        if end and app.now() >= end:
            raise _TimeOverError

    return check


def _look(app: Clients, collections: list[str], correlation_id: str | None, check_time: Callable[[], None]) -> Look:
    # An item in one of these states has a message on the queue; those of other items are not waited for.
    overview = read_overview(
        app,
        collections=collections or None,
        correlation_id=correlation_id,
        elsewhere=_QUEUED_STATES,
        before_page=check_time,
    )
    totals = overview.totals
    of_others = overview.elsewhere.total()
    look = Look(
        overview=overview,
        queued=max(sum(overview.queues.get(name, 0) for name in WORK_QUEUES) - of_others, 0),
        stale=0,
        open=sum(totals.get(name, 0) for name in _OPEN),
        held=totals.get(ItemStatus.HELD.value, 0),
        done=sum(totals.get(name, 0) for name in _DONE),
        bad=sum(totals.get(name, 0) for name in _BAD),
    )
    if look.open or look.is_submitted or _can_be_taken(overview, app):
        return look
    return replace(look, stale=stale_copies(app, check_time))


def _can_be_taken(overview: Overview, app: Clients) -> bool:
    """Tells whether a work queue has a message that is neither delayed nor being worked on."""
    return any(app.queues.client(name).peek_messages() for name in WORK_QUEUES if overview.queues.get(name))


def _follow_live(seen: _Watched, look: Callable[[], Look]) -> Look:
    from cli.follow.watching.view import LiveView  # noqa: PLC0415 - slow to import, and only a person needs it

    with LiveView() as view:

        def show(now: Look) -> None:
            view.show(now.overview, queued=now.queued, rate=seen.rate, elapsed=seen.elapsed, left=seen.left(now))

        return _follow(seen, look, show)


def _follow_quietly(seen: _Watched, look: Callable[[], Look], *, as_json: bool) -> Look:
    told = ""

    def show(now: Look) -> None:
        nonlocal told
        fields = _fields(now, seen)
        change = json.dumps([fields["items"], fields["queued"], as_json and fields["stale"]])
        if change != told:
            told = change
            say(json.dumps(fields) if as_json else _line(now))
            sys.stdout.flush()

    return _follow(seen, look, show)


def _follow(seen: _Watched, look: Callable[[], Look], show: Callable[[Look], None]) -> Look:
    now = seen.first
    while True:
        show(now)
        if seen.ends_with(now):
            return now
        time.sleep(_LOOK_SECONDS)
        try:
            now = look()
        except _TimeOverError:
            seen.end_cut_short(now)
            return now


def _fields(look: Look, seen: _Watched) -> dict[str, Any]:
    left = seen.left(look)
    return {
        "items": look.overview.totals,
        "queued": look.queued,
        "stale": look.stale,
        "left": look.left,
        "rate_per_second": round(seen.rate, 2),
        "seconds_left": round(left.total_seconds()) if left else None,
    }


def _line(look: Look) -> str:
    states = ", ".join(f"{name} {count:,}" for name, count in look.overview.totals.items() if count)
    return f"{states or 'no items yet'}; queued {look.queued:,}"


def _rejected(app: Clients, correlation_id: str | None) -> int:
    """Counts the dead letters that carry a mark; without one nobody can tell whose they are."""
    return sum(1 for _ in find_letters(LetterFilter(correlation_id=correlation_id), app)) if correlation_id else 0


def _end(last: Look, seen: _Watched, *, bad: int, rejected: int) -> None:
    is_held = bool(last.held) and seen.until.kind is not UntilKind.NEVER
    if bad > 0:
        note(f"{bad:,} items failed or were canceled meanwhile; see geocatalog failures.")
    if rejected:
        note(f"{rejected:,} messages with this mark were rejected; geocatalog failures lists them as dead letters.")
    if is_held:
        note(f"{last.held:,} items are held and need an operator: geocatalog failures says what to do.")
    if last.stale:
        note(f"{last.stale:,} delayed copies that nothing waits for are left on the queues; they end by themselves.")
    if seen.is_cut_short:
        note("The time was over while the rows were read once more; the counts are those of the look before.")
    if not seen.in_time:
        note(f"{last.left:,} are not done yet; watch again, or see geocatalog status.")
    if bad > 0 or rejected or not seen.in_time or is_held:
        raise typer.Exit(ExitCode.FAILED)
