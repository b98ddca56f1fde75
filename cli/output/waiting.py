"""Waits for a condition, showing that it does, up to a limit."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from cli.output.printing import console

T = TypeVar("T")

_PAUSE_SECONDS = 0.5


def wait_for(look: Callable[[], T | None], *, what: str, seconds: float) -> T | None:
    """Looks again and again until there is something.

    Args:
        look: returns what is waited for; None while it is not there.
        what: what is waited for, for the person who waits.
        seconds: when to give up.

    Returns:
        What `look` returned; None where it was given up.
    """
    give_up = time.monotonic() + seconds
    status = console(of_errors=True).status(f"Waiting for {what} …") if sys.stderr.isatty() else None
    if status:
        status.start()
    try:
        while True:
            found = look()
            if found is not None or time.monotonic() > give_up:
                return found
            time.sleep(_PAUSE_SECONDS)
    finally:
        if status:
            status.stop()
