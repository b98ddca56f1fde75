"""Runs a call for many things at once, on a few threads."""

import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Waiting for answers, not computing: sixteen fill a connection pool of 64 shared by several functions at most in part.
_WIDTH = 16


def run_all(call: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Call `call` with each thing, up to 16 at once; one that raises keeps no other from its turn.

    Each call runs in a copy of the present context, which holds the invocation's deadline and trace.

    Returns:
        What the calls returned, in the order of the things.

    Raises:
        Exception: the first that a call raised, after all have ended.
    """
    things = list(things)
    if len(things) <= 1:
        return [call(thing) for thing in things]
    executor = ThreadPoolExecutor(min(_WIDTH, len(things)))
    # Not executor.map: it cancels what has not begun as soon as one call has raised.
    calls = [executor.submit(contextvars.copy_context().run, call, thing) for thing in things]
    try:
        wait(calls)
    finally:
        # After Ctrl-C what has not begun is left, and what has begun comes to its end.
        executor.shutdown(wait=True, cancel_futures=True)
    return [made.result() for made in calls]
