"""How fast this process may ask GeoCatalog."""

import threading
import time
from datetime import timedelta

from shared.basics.errors import RateLimited

# A wait inside a call stays short: longer ones delay the message, not the thread.
_MAX_WAIT_SECONDS = 5.0


class RateLimit:
    """At most so many requests a second from this process, evenly spread.

    Args:
        per_second: requests a second; 0 means no limit.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits for this request's turn.

        Raises:
            RateLimited: its turn would come in more than 5 seconds.
        """
        if not self._interval:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            if turn - now > _MAX_WAIT_SECONDS:
                raise RateLimited(retry_after=timedelta(seconds=turn - now))
            self._next = turn + self._interval
        time.sleep(turn - now)
