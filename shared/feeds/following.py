"""Gives every feed its turn, page by page, within the time of one run."""

import logging
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from azure.core.exceptions import AzureError

from shared import telemetry
from shared.basics.errors import ErrorCode, FeedFault, FeedPaused, IngestionError, SettingsError, Unavailable
from shared.basics.redact import redact
from shared.clients import Clients
from shared.feeds.api import FeedApi, host_of
from shared.feeds.reading import FeedTurn
from shared.feeds.specs import LOOK_BACKS, FeedSpec, OrderBy
from shared.feeds.wanted import in_step, interval_of, wanted_feeds
from shared.records.feed_store import FeedRow
from shared.storage.group_commit import Conflict
from shared.telemetry import Gauge

log = logging.getLogger(__name__)

# A page may still take a minute after that; with it a run stays within functionTimeout (5 minutes).
FOLLOW_BUDGET = timedelta(minutes=2, seconds=30)
# An API that throttles without saying for how long is left alone for a while.
_PATIENCE = timedelta(minutes=1)
_STOPPED = frozenset({ErrorCode.FEED_WAITS})


@dataclass
class _Turns:
    """A feed in the run, and the pages that it still has to read."""

    spec: FeedSpec
    turn: FeedTurn
    pages: Iterator[None]
    errors: list[IngestionError] = field(default_factory=list)


def follow_feeds(
    app: Clients,
    *,
    budget: timedelta = FOLLOW_BUDGET,
    only: str | None = None,
    now_due: bool = False,
    reads_list: bool = True,
) -> int:
    """Read every feed that is due, as far as the time allows.

    Args:
        app: the clients.
        budget: after how long no further page is begun; the next run continues there.
        only: the name of the one feed to read; None for all.
        now_due: whether to read feeds also before their time has come.
        reads_list: whether to read FEEDS first, which only the app itself has.

    Returns:
        How many items were put on the queue.

    Raises:
        SettingsError: FEEDS is malformed; every feed that could be read was followed.
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    wanted = wanted_feeds(app, reads_list=reads_list)
    if reads_list:
        app.feeds.note_faults(wanted.faults)
    for fault in wanted.faults:
        log.warning("FEEDS: %s", fault)
    end = time.monotonic() + budget.total_seconds()
    run = _Run(app)
    never = app.now() - timedelta(days=36_500)
    in_turn = sorted(wanted.feeds, key=lambda feed: feed[1].last_run or never)
    open_turns = deque(
        turns
        for spec, row in in_turn
        if only in {None, spec.name} and (turns := run.begun(spec, row, now_due=now_due)) is not None
    )
    try:
        while open_turns and time.monotonic() < end:
            turns = open_turns.popleft()
            if run.one_page(turns):
                open_turns.append(turns)
    finally:
        for turns in open_turns:
            run.end(turns)
        run.leave_hosts()
    if wanted.faults and only is None:
        raise SettingsError("FEEDS: " + " ".join(wanted.faults))
    return run.sent


class _Run:
    def __init__(self, app: Clients) -> None:
        self._app = app
        self._owner = uuid.uuid4().hex
        self._hosts: set[str] = set()
        self._throttling: set[str] = set()
        self.sent = 0

    def begun(self, spec: FeedSpec, row: FeedRow, *, now_due: bool) -> _Turns | None:
        """Return a feed's turn; None where it is not to be read now."""
        now = self._app.now()
        if row.paused_at or (row.claimed_until and row.claimed_until > now):
            return None
        try:
            row = self._claimed(spec, row)
        except Conflict:
            log.info("Feed %s is read by another run", spec.name)
            return None
        try:
            self._check_target(spec, row)
            _check_look_back(spec, row, self._app)
            api = FeedApi(spec, self._app.hrefs)
        except IngestionError as error:
            self._finish(row, spec, error)
            return None
        wait = self._app.feeds.take_host(api.host, self._owner, now, now + self._app.timings.claim)
        if wait is not None:
            log.info("Feed %s: %s is not asked before %s", spec.name, api.host, wait)
            self._release(row)
            return None
        self._hosts.add(api.host)
        turn = FeedTurn(spec, row, api, self._app)
        return _Turns(spec, turn, turn.pages(now_due=now_due))

    def one_page(self, turns: _Turns) -> bool:
        """Read one page of a feed; return whether there is more to read now."""
        if host_of(turns.spec) in self._throttling:
            self.end(turns)
            return False
        before = turns.turn.row.sent
        try:
            next(turns.pages)
        except StopIteration:
            self.end(turns)
            return False
        except Conflict:
            log.info("Feed %s was changed while it was read; the next run continues", turns.spec.name)
            return False
        except IngestionError as error:
            self._finish(turns.turn.row, turns.spec, error)
            return False
        except AzureError as error:
            self._finish(turns.turn.row, turns.spec, _of_storage(error))
            return False
        except Exception as error:  # one feed's fault is written to its own row and keeps no other from its turn
            log.exception("Feed %s: reading it failed unexpectedly", turns.spec.name)
            said = f"Reading the feed failed unexpectedly ({type(error).__name__}: {redact(str(error))[:300]})."
            self._finish(turns.turn.row, turns.spec, Unavailable(said, code=ErrorCode.UNEXPECTED))
            return False
        finally:
            self.sent += turns.turn.row.sent - before
        return True

    def end(self, turns: _Turns) -> None:
        """End a feed's turn that went well."""
        turns.pages.close()  # type: ignore[attr-defined]  # a generator
        self._finish(turns.turn.row, turns.spec, None)

    def leave_hosts(self) -> None:
        """Let other runs ask the hosts."""
        for host in self._hosts:
            self._app.feeds.leave_host(host)

    def _claimed(self, spec: FeedSpec, row: FeedRow) -> FeedRow:
        now = self._app.now()
        claimed = replace(in_step(row, spec), claimed_by=self._owner, claimed_until=now + self._app.timings.claim)
        return self._app.feeds.update(claimed)

    def _check_target(self, spec: FeedSpec, row: FeedRow) -> None:
        target = self._app.status.get_collection(spec.collection)
        deleted_at = target.get("deleted_at")
        is_gone = bool(target.get("deleting_operation")) or bool(
            deleted_at
            and (row.added_at is None or deleted_at > row.added_at)
            and (not target.get("created_at") or target["created_at"] < deleted_at)
        )
        if is_gone:
            raise FeedPaused(
                f"Collection {spec.collection}, which feed {spec.name} fills, was deleted. Create it again and run "
                f"geocatalog feeds run {spec.name}, or remove the feed.",
                code=ErrorCode.NO_COLLECTION,
            )

    def _finish(self, row: FeedRow, spec: FeedSpec, error: IngestionError | None) -> None:
        """Write how a feed's turn ended, and give the feed free."""
        now = self._app.now()
        columns: dict[str, Any] = {"last_run": now, "claimed_by": "", "claimed_until": None}
        if error is None or error.code in _STOPPED:
            columns |= {"error_code": "", "error_message": "", "error_since": None}
            if error:
                log.info("%s", error.message)
        else:
            log.warning("Feed %s: %s %s", spec.name, error.code, error.message)
            columns |= {"error_code": str(error.code), "error_message": error.message}
            columns["error_since"] = row.error_since or now
        if isinstance(error, FeedPaused):
            columns |= {"paused_at": now, "paused_by": "app"}
        if isinstance(error, Unavailable) and error.code == ErrorCode.THROTTLED:
            host = host_of(spec)
            self._throttling.add(host)
            self._hosts.discard(host)
            self._app.feeds.leave_host(host, now + (error.retry_after or _PATIENCE))

        def finished(found: FeedRow) -> FeedRow:
            return replace(found, **columns) if found.claimed_by == self._owner else found

        try:
            self._app.feeds.update(replace(row, **columns))
        except Conflict:
            try:
                self._app.feeds.change(row.name, finished)
            except Conflict:
                log.warning("The row of feed %s kept changing; its claim ends by itself", row.name)
        except AzureError as fault:
            log.warning("The row of feed %s was not written: %s", row.name, type(fault).__name__)

    def _release(self, row: FeedRow) -> None:
        try:
            self._app.feeds.update(replace(row, claimed_by="", claimed_until=None))
        except Conflict:
            log.info("Feed %s was changed meanwhile", row.name)


def _of_storage(error: AzureError) -> Unavailable:
    said = f"The storage account did not answer ({type(error).__name__})."
    return Unavailable(said, code=ErrorCode.STORAGE_UNAVAILABLE)


def _check_look_back(spec: FeedSpec, row: FeedRow, app: Clients) -> None:
    """Make sure that what a pass reads again is still known.

    Raises:
        FeedFault: its rows are removed before: every item would be ingested again and again.
    """
    retention = app.settings.status_retention
    order = spec.order_by or (OrderBy(row.order_by) if row.order_by else None)
    look_back = spec.look_back or (LOOK_BACKS[order] if order else None)
    if retention is not None and look_back is not None and look_back > retention:
        raise FeedFault(
            f"The look_back of feed {spec.name} ({look_back}) is longer than STATUS_RETENTION ({retention}): items "
            "whose rows were removed would be ingested again. Shorten look_back, or keep rows for longer.",
            code=ErrorCode.SETTINGS,
        )


def observe_feeds(app: Clients) -> None:
    """Measure for how many of its intervals each feed was not read; one that an operator paused is left out.

    A fault of the storage is logged and leaves the look to the next run.
    """
    if not telemetry.is_on():
        return
    try:
        rows = app.feeds.rows()
    except AzureError as error:
        log.warning("The feeds could not be looked at: %s", type(error).__name__)
        return
    for row in rows:
        since = row.last_read or row.added_at
        if row.wanted and since and row.paused_by != "operator":
            telemetry.measure(Gauge.FEED_UNREAD, (app.now() - since) / interval_of(row), feed=row.name)
