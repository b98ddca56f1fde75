"""Sends messages to a queue on several threads, with no more of them waiting in memory than are being sent."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from shared.messages import QueueName
from shared.queues import Queues


class ParallelSender:
    """Sends item messages in parallel; used as a context, which waits for the last one.

    Args:
        queues: sends messages.
        width: how many are sent at once.
        on_sent: called after each message that was taken, on any thread.
    """

    def __init__(self, queues: Queues, *, width: int, on_sent: Callable[[], None]) -> None:
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

    def send(self, message: dict[str, Any]) -> None:
        """Sends a message when there is room.

        Raises:
            azure.core.exceptions.AzureError: an earlier message was not taken; nothing more is sent.
        """
        self._raise_error()
        self._room.acquire()
        self._executor.submit(self._queues.send, QueueName.ITEMS, message).add_done_callback(self._ended)

    def _ended(self, future: "Future[None]") -> None:
        self._room.release()
        error = future.exception()
        if error is None:
            self._on_sent()
        elif self._error is None:
            self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
