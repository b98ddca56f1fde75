"""How long a message waits before its next try. Pure rules, spread at random so that many do not come at once."""

import random
from datetime import timedelta

from shared.basics.errors import IngestionError, NotYet, Unavailable
from shared.timings import Timings

# The queue's delays have whole seconds; a shorter one would be none.
SHORTEST = timedelta(seconds=1)
# Beyond this the doubling has passed any longest delay.
_MOST_DOUBLINGS = 16


def grown_delay(attempt: int, timings: Timings) -> timedelta:
    """Return a delay that doubles with each attempt up to the longest, spread by a fifth."""
    doublings = int(2 ** min(attempt, _MOST_DOUBLINGS))
    return _spread(min(timings.first_delay * doublings, timings.longest_delay), 0.8, 1.2)


def retry_delay(attempt: int, error: IngestionError, timings: Timings) -> timedelta:
    """Return the wait before the next try after an error other than a pause.

    Args:
        attempt: how often the message was sent again so far.
        error: what happened; where it says how long to wait, that is the least.
        timings: the first and the longest delay.
    """
    asked = error.retry_after if isinstance(error, Unavailable) else None
    if isinstance(error, NotYet):
        return max(asked or SHORTEST, SHORTEST)
    grown = grown_delay(attempt, timings)
    return max(grown, asked or SHORTEST, SHORTEST)


def pause_delay(remaining: timedelta) -> timedelta:
    """Return the wait of a message that keeps the shared pause: what is left of it, spread by a third."""
    return _spread(max(remaining, SHORTEST), 1.0, 1.3)


def operation_wait(age: timedelta, timings: Timings) -> timedelta:
    """Return the wait behind an open operation: the longer it is open, the longer, since many may wait behind many.

    Args:
        age: how long it has been open.
        timings: the least wait, and the longest delay.
    """
    return _spread(min(max(timings.operation_check, age / 4), timings.longest_delay), 0.8, 1.2)


def _spread(delay: timedelta, least: float, most: float) -> timedelta:
    return delay * random.uniform(least, most)  # noqa: S311 - spreads load, guards nothing
