"""Actions to take at a later moment, all on one thread."""

import logging
import math
import sched
import threading
import time
from collections.abc import Callable

_logger = logging.getLogger("Host.Deadlines")


class Deadlines:
    """Runs short actions when their time has come; anything that blocks belongs on another thread."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._scheduler = sched.scheduler(time.monotonic, self._changed.wait)
        self._stopped = False
        self._asleep_until = math.inf
        threading.Thread(target=self._run, name="deadlines", daemon=True).start()

    def after(self, seconds: float, action: Callable[[], None]) -> sched.Event:
        """Run an action in so many seconds; returns what `cancel` takes."""
        event = self._scheduler.enter(seconds, 0, self._guarded, (action,))
        # The thread must look again only if this is now the first one.
        if event.time < self._asleep_until:
            self._changed.set()
        return event

    def cancel(self, event: sched.Event | None) -> None:
        """Forget an action; nothing happens if it has already run."""
        if event is None:
            return
        try:
            self._scheduler.cancel(event)
        except ValueError:
            return

    def stop(self) -> None:
        """End the thread; actions that are still due are dropped."""
        self._stopped = True
        self._changed.set()

    def _run(self) -> None:
        while not self._stopped:
            # Whatever is entered while this thread looks wakes it.
            self._asleep_until = math.inf
            delay = self._scheduler.run(blocking=False)
            if delay is not None:
                self._asleep_until = time.monotonic() + delay
            self._changed.wait(delay)
            self._changed.clear()

    @staticmethod
    def _guarded(action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            # One action's fault must not stop the others.
            _logger.exception("A deadline's action failed.")
