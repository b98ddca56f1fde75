"""Lets one run at a time hold a large document in memory, so that several dropped at once do not end their process."""

import threading
from types import TracebackType
from typing import Self

from shared.basics.errors import Unavailable
from shared.basics.json_codec import memory_of

# Of the 2 GB of an instance, 31 documents beside each other (each with as much text that is still being read) take
# 31 * (12 + 4) MiB = 0.5 GiB and one large one 1.1 GiB; the rest is the worker's and the host's own. By memory_of, a
# real ItemCollection of 64 MiB takes 0.7 to 0.9 GiB (in truth half of that), an item of 1 MiB some 12 MiB.
MAX_MEMORY = 1_126 * 1024 * 1024
SIDE_BY_SIDE_MEMORY = 12 * 1024 * 1024
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

    def hold(self, text: bytes) -> bool:
        """Make room for what is parsed of a JSON text.

        Returns:
            Whether it may be parsed; not where it would take more memory than any document may.

        Raises:
            Unavailable: see grow_to.
        """
        memory = memory_of(text)
        if memory > SIDE_BY_SIDE_MEMORY:
            self.grow_to(LARGE_BYTES + 1)
        return memory <= MAX_MEMORY
