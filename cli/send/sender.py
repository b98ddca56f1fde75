"""Sends messages to a queue on several threads, with no more of them waiting in memory than are being sent."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from shared.messages.models import QueueName

if TYPE_CHECKING:  # a dry run does without, and it is slow to import
    from shared.storage.queues import Queues


class ParallelSender:
    """Sends item messages in parallel; used as a context, which waits for the last one.

    Args:
        queues: sends messages.
        width: how many are sent at once.
        on_sent: called with the label of each message that was taken, on any thread.
    """

    def __init__(self, queues: "Queues", *, width: int, on_sent: Callable[[str], None]) -> None:
        self._queues = queues
        self._on_sent = on_sent
        self._room = threading.Semaphore(2 * width)
        self._executor = ThreadPoolExecutor(width)
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True)
        if error is None:
            self._raise_error()

    def send(self, message: dict[str, Any], label: str) -> None:
        """Sends a message when there is room.

        Args:
            message: its fields.
            label: what `on_sent` is told.

        Raises:
            azure.core.exceptions.AzureError: an earlier message was not taken; nothing more is sent.
        """
        self._raise_error()
        self._room.acquire()
        future = self._executor.submit(self._queues.send, QueueName.ITEMS, message)
        future.add_done_callback(lambda ended: self._ended(ended, label))

    def _ended(self, future: "Future[None]", label: str) -> None:
        self._room.release()
        error = future.exception()
        if error is None:
            self._on_sent(label)
        elif self._error is None:
            self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
