"""Lets one run at a time hold a large document in memory, so that several dropped at once do not end their process."""

import threading
from types import TracebackType
from typing import Self

from shared.basics.errors import Unavailable

# Up to here documents are held side by side. A document takes up to 7 times its text: the text, up to 5.9 times as much
# for what is parsed of it, and a little for what is made of that. Of the 2 GB of an instance, 31 such documents take
# 31 * 7 * 4 MiB = 0.85 GiB and one of the largest, 7 * 64 MiB, 0.44 GiB; the rest is the worker's and the host's own.
LARGE_BYTES = 4 * 1024 * 1024

# Of a thread, not of a room: a run that goes on with a file has it open twice.
_turn = threading.RLock()


class DocumentRoom:
    """What one run holds in memory of a file, from the first byte until all of it was sent or stored."""

    def __init__(self) -> None:
        self._has_turn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._has_turn:
            _turn.release()

    def grow_to(self, size: int) -> None:
        """Makes room for a document, or a line of a file, of which so many bytes have been read.

        Raises:
            Unavailable: it is large, and so is one that another run holds. Nobody waits here: a thread that does would
                be missing for small items.
        """
        if size <= LARGE_BYTES or self._has_turn:
            return
        if not _turn.acquire(blocking=False):
            raise Unavailable(
                f"Another file is being read of which more than {LARGE_BYTES:,} bytes must be held in memory; such "
                "files are read one at a time."
            )
        self._has_turn = True
