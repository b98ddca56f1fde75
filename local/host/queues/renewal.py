"""Keeps a received message invisible while its function runs."""

import logging
import sched
import threading
from collections.abc import Callable

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueClient, QueueMessage

from local.host.configuration.durations import Durations
from local.host.deadlines import Deadlines
from local.host.queues.operations import MessageLostError, guard_ownership

_logger = logging.getLogger("Host.Queues")


class Renewal:
    """The renewals of one message: each at half of the invisibility, with the newest pop receipt.

    Attributes:
        pop_receipt: The newest pop receipt, for the operations that follow.
    """

    def __init__(
        self,
        queue: QueueClient,
        message: QueueMessage,
        durations: Durations,
        deadlines: Deadlines,
        *,
        failed: Callable[[Exception], None],
    ) -> None:
        """Describe the renewals; `start` begins them.

        Args:
            queue: Queue of the message.
            message: The received message.
            durations: The host's durations.
            deadlines: What runs the renewals at their time.
            failed: Called when storage refuses a renewal or does not answer; it is not tried again.
        """
        self.pop_receipt = str(message.pop_receipt)
        self._queue = queue
        self._message = message
        self._durations = durations
        self._deadlines = deadlines
        self._failed = failed
        self._next: sched.Event | None = None
        self._ended = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Renew after half of the invisibility, and so on."""
        self._next = self._deadlines.after(self._durations.renewal_interval, self._on_thread)

    def end(self) -> None:
        """Renew no more; a renewal that is under way is awaited, so that `pop_receipt` is the last one."""
        with self._lock:
            self._ended = True
        self._deadlines.cancel(self._next)

    def _on_thread(self) -> None:
        threading.Thread(target=self._renew, name="renewal", daemon=True).start()

    def _renew(self) -> None:
        with self._lock:
            if self._ended:
                return
            try:
                renewed = guard_ownership(
                    lambda: self._queue.update_message(
                        self._message.id, self.pop_receipt, visibility_timeout=self._durations.receive_visibility
                    )
                )
            except MessageLostError as lost:
                # Another host may run the message now; what runs here runs on.
                _logger.debug("Message %s is no longer renewed (%s).", self._message.id, lost)
            except AzureError as error:
                self._failed(error)
            else:
                self.pop_receipt = str(renewed.pop_receipt)
                self.start()
