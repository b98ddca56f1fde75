"""Runs one timer function on its schedule, in one host at a time, and never twice at once."""

import concurrent.futures
import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from local.host.storage.host_blobs import HostBlob
from local.host.timers.lock import ListenerLock
from local.host.timers.schedule import Schedule
from local.host.timers.status import TimerMonitor, TimerStatus, check_past_due

_logger = logging.getLogger("Host.Timers")

# Of 109 recorded runs 16 began up to 2 ms before their moment: functions must not tell the tick from the clock.
_EARLY_SHARE, _MOST_EARLY_SECONDS = 16 / 109, 0.002

#: Runs the function with the status it is shown (None without a record) and whether the run is past due.
RunTimer = Callable[[TimerStatus | None, bool], "concurrent.futures.Future[bool]"]


@dataclass(frozen=True)
class TimerOptions:
    """How a timer listener works; times in seconds.

    Attributes:
        run_on_startup: Whether the function also runs when the listener starts.
        lock_period: How long the lock holds without renewal.
        lock_recovery: Pause between attempts to get a lock that another host holds.
    """

    run_on_startup: bool
    lock_period: float
    lock_recovery: float


class TimerListener:
    """One timer: waits for its lock, then for each occurrence, and runs the function."""

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        options: TimerOptions,
        *,
        lock_blob: HostBlob,
        monitor: TimerMonitor | None,
        run: RunTimer,
    ) -> None:
        self._name = name
        self._schedule = schedule
        self._options = options
        self._monitor = monitor
        self._run_function = run
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._lock = ListenerLock(lock_blob, options.lock_period, lost=self._awake.set)
        self._thread = threading.Thread(target=self._run, name=f"timer-{name}", daemon=True)

    def start(self) -> None:
        """Begin to compete for the lock."""
        self._thread.start()

    def stop_receiving(self) -> None:
        """Run the function no more; a run that goes on is left to its end."""
        self._stopping.set()
        self._awake.set()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait, after `stop_receiving`, until the run that goes on has ended; False when time is up first."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._lock.acquire():
                self._stopping.wait(self._options.lock_recovery)
                continue
            try:
                self._listen()
            except Exception:
                # Nothing may end a timer for good; the next round starts from the record.
                _logger.exception("The timer %s failed; it starts anew.", self._name)
                self._stopping.wait(self._options.lock_recovery)
            finally:
                self._lock.release()

    def _listen(self) -> None:
        now = self._schedule.now()
        if self._monitor is not None:
            status, past_due = check_past_due(self._monitor, self._schedule, now)
        else:
            status, past_due = TimerStatus(None, self._schedule.next_after(now), None), False
        if past_due:
            _logger.info("Function '%s' is past due on startup. Executing now.", self._name)
            status = self._tick(status, past_due=True, unscheduled=True)
        elif self._options.run_on_startup:
            _logger.info("Function '%s' is configured to run on startup. Executing now.", self._name)
            status = self._tick(status, past_due=False, unscheduled=True)
        while self._wait_until(status.next):
            status = self._tick(status, past_due=False, unscheduled=False)

    def _wait_until(self, moment: datetime) -> bool:
        # Not for secrets: it only makes a tick now and then a little early.
        early = random.uniform(0, _MOST_EARLY_SECONDS) if random.random() < _EARLY_SHARE else 0.0  # noqa: S311
        while True:
            if self._stopping.is_set() or not self._lock.held:
                return False
            left = (moment - self._schedule.now()).total_seconds()
            if left <= early:
                return True
            self._awake.clear()
            # Checked again after the clear, so that no stop slips through.
            if not self._stopping.is_set() and self._lock.held:
                self._awake.wait(left - early)

    def _tick(self, status: TimerStatus, *, past_due: bool, unscheduled: bool) -> TimerStatus:
        began = self._schedule.now()
        shown = status if self._monitor is not None else None
        # A failure is logged where it happens, and moves the schedule on all the same.
        self._run_function(shown, past_due).result()
        if not unscheduled:
            began = max(began, status.next)
        # Counted from the start: occurrences missed during a long run become one run right after it.
        following = TimerStatus(began, self._schedule.next_after(began), began)
        if self._monitor is not None:
            self._monitor.write(following)
        return following
