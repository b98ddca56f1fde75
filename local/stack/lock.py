"""Whether a stack runs in a state folder: a lock on its pid file, which the system drops however the stack ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PID_FILE = "stack.pid"


@contextmanager
def held_lock(state: Path) -> Iterator[None]:
    """Holds the folder's lock, with this process's id in the file, while the stack runs."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / _PID_FILE).open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def running_pid(state: Path) -> int | None:
    """Returns the process id of the stack that runs in a folder; None where none does."""
    try:
        with (state / _PID_FILE).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except (FileNotFoundError, ValueError):
        return None
    return None
