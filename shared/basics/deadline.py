"""The moment by which the present invocation must have ended; what it calls looks here for how long it may wait.

The moment is kept in a context variable, so that connections of every client find it, the Azure SDKs' among them. Where
none is set, as in the command line, nothing is limited.
"""

import contextvars
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.basics.errors import Unavailable

# The share of an invocation's time in which work may be done; the rest is for what must be done after it ran out:
# sending the message back and writing that down. Of 4 minutes these are 3.5.
_SHARE_OF_WORK = 7 / 8


@dataclass(frozen=True)
class _Times:
    """Moments of time.monotonic().

    Attributes:
        end: when the present work must have ended.
        last: when the invocation must have ended.
    """

    end: float
    last: float


_times: contextvars.ContextVar[_Times | None] = contextvars.ContextVar("deadline", default=None)


class OutOfTime(Unavailable):
    """The invocation has no time left; what it did not do is tried again later."""

    def __init__(self) -> None:
        super().__init__("The time that one invocation may take was spent; it continues with the next one.")


def start(received: float, seconds: float) -> None:
    """Set the deadline of an invocation, for this context and those that are copied from it.

    Args:
        received: the moment of its receipt, of time.monotonic().
        seconds: how long it may take in all.
    """
    _times.set(_Times(received + seconds * _SHARE_OF_WORK, received + seconds))


def remaining() -> float:
    """Return the seconds that are left for the present work, infinite where it has no deadline; never below zero."""
    times = _times.get()
    return math.inf if times is None else max(times.end - time.monotonic(), 0.0)


def check() -> None:
    """Make sure that there is time left.

    Raises:
        OutOfTime: there is none.
    """
    if remaining() <= 0:
        raise OutOfTime


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Give what is done inside at most so many seconds, and no more than was left."""
    times = _times.get()
    end = time.monotonic() + seconds
    token = _times.set(_Times(min(end, times.end), times.last) if times else _Times(end, end))
    try:
        yield
    finally:
        _times.reset(token)


@contextmanager
def settling() -> Iterator[None]:
    """Give what is done inside the time that is kept for it: to send a message back, to write down what happened."""
    times = _times.get()
    token = _times.set(_Times(times.last, times.last) if times else None)
    try:
        yield
    finally:
        _times.reset(token)


@contextmanager
def held(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock that others hold while they wait for a service.

    Raises:
        OutOfTime: it was not free in the time that is left.
    """
    left = remaining()
    if not lock.acquire(timeout=-1 if left == math.inf else left):
        raise OutOfTime
    try:
        yield
    finally:
        lock.release()
