"""Follows open operations to their end: the table says which are open, the service's list how they stand.

The list comes newest first and a page holds 100, so a thousand open operations cost about ten calls. It is never
filtered by status: an operation that ended between two pages would be in neither. One that the list does not show is
asked for by id; only a 404 by id means that the service has forgotten it, and then the item itself is asked for.
"""

import logging
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from azure.core.exceptions import AzureError

from shared import telemetry
from shared.basics.errors import ErrorCode, IngestionError, Throttled
from shared.basics.parallel import run_all
from shared.basics.redact import redact
from shared.clients import Clients
from shared.items.stored import stored_moment
from shared.operations.closing import close
from shared.operations.endings import Ending, resolve, success
from shared.records.status_rows import OperationKind, OperationRow
from shared.services.geocatalog import OPERATIONS_PAGE
from shared.services.operation_states import OperationOutcome, OperationState, read_outcome

log = logging.getLogger(__name__)

T = TypeVar("T")

# A run ends before the next tick of the default schedule, every minute.
RUN_BUDGET = timedelta(seconds=50)
# What the last pass of a run gets at least, so that one closes something however long it took to find what is open: the
# budget and this are the default schedule's minute.
_LEAST_PASS_SECONDS = 10.0
# Between two passes of one run: ingestion takes seconds (AddItem 5 to 10), so a pass more often finds little.
_PASS_PAUSE = timedelta(seconds=3)
# After a pass that found operations ended: where some end, more do.
_BUSY_PAUSE = timedelta(seconds=1)
# Up to so many open operations are asked for one by one; above, a page of the list is cheaper.
_FEW = 3
# How often a stalled operation is still asked for.
_STALLED_POLL = timedelta(minutes=15)
# Those asked for by id in one pass; the oldest first, the rest in the next pass.
_BY_ID_PER_PASS = 100
# A page takes GeoCatalog some 150 ms, so that of tens of thousands of open operations a run sees only the newest in the
# list. The share of its time that the list gets, the rest being for others, and the pages after which it closes.
_SHARE_OF_LIST = 0.6
_PAGES_AT_ONCE = 10
# As many as are asked side by side: where GeoCatalog hangs, each lot takes the three tries of a call, 3 minutes.
_BY_ID_AT_ONCE = 16
# Finding the collections takes a query each: of the time at most a sixth.
_REREAD_FACTOR = 5


def track_operations(app: Clients, *, budget: timedelta = RUN_BUDGET) -> int:
    """Follows open operations until none is open or the budget is spent, and looks at them once at least.

    Args:
        app: the clients.
        budget: how long the run may go on before its last look.

    Returns:
        How many operations ended.

    Raises:
        azure.core.exceptions.AzureError: the table could not be read.
    """
    end = time.monotonic() + budget.total_seconds()
    collections = _Collections(app)
    closed = 0
    while True:
        due = _due_operations(collections, app)
        if not due:
            return closed
        ended = 0
        if not app.pause.remaining():
            try:
                ended = _one_pass(due, app, max(end, time.monotonic() + _LEAST_PASS_SECONDS))
            except Throttled as error:
                app.pause.pause(error.retry_after)
                log.warning("Following operations paused: %s", error.message)
            except IngestionError as error:
                log.warning("Following operations: %s %s", error.code, error.message)
            else:
                app.pause.answered()
        closed += ended
        usual = (_BUSY_PAUSE if ended else _PASS_PAUSE) * app.settings.time_scale
        pause = max(usual, app.pause.remaining()).total_seconds()
        if time.monotonic() + pause > end:
            return closed
        time.sleep(pause)


class _Collections:
    """The collections that have rows, looked for anew at each pass unless that takes long."""

    def __init__(self, app: Clients) -> None:
        self._app = app
        self._names: list[str] = []
        self._read_again = -math.inf

    def names(self) -> list[str]:
        started = time.monotonic()
        if started > self._read_again:
            self._names = list(self._app.status.partitions())
            ended = time.monotonic()
            self._read_again = ended + _REREAD_FACTOR * (ended - started)
        return self._names


def _due_operations(collections: _Collections, app: Clients) -> list[OperationRow]:
    now = app.now()
    found = [row for rows in run_all(app.status.open_operations, collections.names()) for row in rows]
    oldest = min((row.submitted_at for row in found), default=now)
    telemetry.measure(telemetry.Gauge.OLDEST_OPERATION, (now - oldest).total_seconds())
    return [row for row in found if row.next_poll is None or row.next_poll <= now]


def _one_pass(due: list[OperationRow], app: Clients, end: float) -> int:
    """Looks at every open operation that the time allows, and closes what has ended as it goes."""
    by_id = {row.operation_id: row for row in due}
    unseen = set(by_id)
    ended, most_by_id = 0, _BY_ID_PER_PASS
    faults: list[Exception] = []
    if len(due) > _FEW:
        started = time.monotonic()
        list_end = started + (end - started) * _SHARE_OF_LIST
        for seen in _from_list(unseen, app, list_end):
            found = [(by_id[operation_id], outcome) for operation_id, outcome in seen.items()]
            ended += _end_all(found, app, end, faults)
        if time.monotonic() > list_end:
            most_by_id = len(unseen)  # the list had no time for them
    rows = _in_turn([by_id[operation_id] for operation_id in unseen])[:most_by_id]
    for start in range(0, len(rows), _BY_ID_AT_ONCE):
        if time.monotonic() > end:
            break
        ended += _end_all(_ask_each(rows[start : start + _BY_ID_AT_ONCE], app), app, end, faults)
    if faults:
        raise faults[0]  # after all others: the rows of one collection must not keep theirs open
    return ended


def _from_list(unseen: set[str], app: Clients, end: float) -> Iterator[dict[str, OperationOutcome]]:
    """Yields how the wanted operations of some pages stand, and takes them out of `unseen`, until that is empty."""
    seen: dict[str, OperationOutcome] = {}
    pages = app.geocatalog.operations(max_pages=2 * math.ceil(len(unseen) / OPERATIONS_PAGE))
    for number, page in enumerate(pages, 1):
        seen |= {str(operation["id"]): read_outcome(operation) for operation in page if operation.get("id") in unseen}
        unseen.difference_update(seen)
        if not unseen or time.monotonic() > end:
            break
        if number % _PAGES_AT_ONCE == 0:
            yield seen
            seen = {}
    yield seen


def _in_turn(rows: list[OperationRow]) -> list[OperationRow]:
    """Puts the oldest first, which end next, and any other after each of them: some of the oldest may never end."""
    oldest = sorted(rows, key=lambda row: row.submitted_at)
    others = random.sample(oldest, len(oldest))
    return list({row.operation_id: row for pair in zip(oldest, others, strict=True) for row in pair}.values())


def _ask_each(rows: list[OperationRow], app: Clients) -> list[tuple[OperationRow, OperationOutcome]]:
    answers = run_all(lambda row: _guarded(row, lambda: app.geocatalog.get_operation(row.operation_id), app), rows)
    return [
        (row, read_outcome(answer) if answer is not None else OperationOutcome(OperationState.LOST))
        for row, (answered, answer) in zip(rows, answers, strict=True)
        if answered
    ]


def _guarded(row: OperationRow, call: Callable[[], T], app: Clients) -> tuple[bool, T | None]:
    """Keep the fault of one operation from the others; a later pass checks the operation again."""
    try:
        return True, call()
    except Throttled:
        raise
    except (IngestionError, AzureError) as error:
        said = getattr(error, "message", type(error).__name__)
        log.warning("Could not check operation %s; retrying in the next pass: %s", row.operation_id, said)
        return False, None
    except Exception as error:  # a fault of our own in one operation is written to its row and stops no other
        log.exception("Could not check operation %s; retrying in %s", row.operation_id, _STALLED_POLL)
        message = f"Checking the operation failed unexpectedly ({type(error).__name__}: {redact(str(error))[:500]})."
        app.status.note_fault(row, message, app.now() + _STALLED_POLL * app.settings.time_scale)
        return False, None


def _end_all(
    found: Iterable[tuple[OperationRow, OperationOutcome]], app: Clients, end: float, faults: list[Exception]
) -> int:
    """Close operations that have ended, and add the faults of collections that could not be closed to `faults`."""
    ended: list[tuple[OperationRow, OperationOutcome]] = []
    for row, outcome in found:
        if outcome.state is OperationState.OPEN:
            _mark_if_stalled(row, app)
        else:
            ended.append((row, outcome))
    decided = run_all(lambda pair: _guarded(pair[0], lambda: _ending(pair[0], pair[1], app), app), ended)
    endings: dict[str, list[Ending]] = {}
    for _, ending in decided:
        if ending is not None:
            endings.setdefault(ending.operation.collection, []).append(ending)
    closings = run_all(lambda some: _close(some, app, end), endings.values())
    faults.extend(fault for _, fault in closings if fault)
    return sum(closed for closed, _ in closings)


def _close(endings: list[Ending], app: Clients, end: float) -> tuple[int, Exception | None]:
    collection = endings[0].operation.collection
    try:
        return close(endings, app, end=end), None
    except AzureError as error:
        log.error("Operations of collection %s were not closed: %s", collection, type(error).__name__)  # noqa: TRY400
        return 0, error
    except Exception as error:  # a fault of our own in one collection stops no other; raised after the pass
        log.exception("Operations of collection %s were not closed", collection)
        return 0, error


def _ending(row: OperationRow, outcome: OperationOutcome, app: Clients) -> Ending | None:
    return _lost(row, app) if outcome.state is OperationState.LOST else resolve(row, outcome, app)


def _lost(row: OperationRow, app: Clients) -> Ending | None:
    """Decides an operation that the service has forgotten by asking for what it was to change."""
    if app.now() - row.submitted_at < app.timings.quiet:
        return None  # so young that the service may not show it yet
    code = ErrorCode.OPERATION_LOST.value
    if row.kind is OperationKind.DELETE_COLLECTION:
        is_done = app.geocatalog.get_collection(row.collection) is None
    else:
        item = app.geocatalog.get_item(row.collection, row.item_id)
        stored_at = stored_moment(item) if item else None
        is_deletion = row.kind is OperationKind.DELETE_ITEM
        is_done = item is None if is_deletion else stored_at is not None and stored_at >= row.submitted_at
        code = _why_not_done(row.kind, is_there=item is not None)
    if is_done:
        return success(row)
    message = "GeoCatalog no longer knows the operation and does not show what it was to do; it is sent again."
    return resolve(row, OperationOutcome(OperationState.FAILED, code, message), app)


def _why_not_done(kind: OperationKind, *, is_there: bool) -> str:
    """Says with which code a forgotten operation must have failed, so that the next try is not the same again."""
    if kind is OperationKind.ADD_ITEM and is_there:
        return ErrorCode.ITEM_EXISTS.value
    if kind is OperationKind.UPDATE_ITEM and not is_there:
        return "NoRecordsToUpdate"
    return ErrorCode.OPERATION_LOST.value


def _mark_if_stalled(row: OperationRow, app: Clients) -> None:
    if app.now() - row.submitted_at < app.settings.operation_deadline:
        return
    if not row.stalled:
        log.warning(
            "Operation %s of item %s is stalled: open since %s", row.operation_id, row.item_id, row.submitted_at
        )
    app.status.mark_stalled(row, app.now() + _STALLED_POLL * app.settings.time_scale)
