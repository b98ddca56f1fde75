"""Queue operations of the host, with the failures that are part of the rules told apart."""

from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient

T = TypeVar("T")

_POISON_SUFFIX = "-poison"
_LONGEST_NAME = 63


class MessageLostError(Exception):
    """The message is no longer this host's: its pop receipt is outdated, or it or its queue is gone."""


def guard_ownership(operation: Callable[[], T]) -> T:
    """Run an operation on a received message.

    Raises:
        MessageLostError: It is no longer ours.
        HttpResponseError: Storage answered otherwise.
    """
    try:
        return operation()
    except ResourceNotFoundError as error:
        raise MessageLostError(_error_code(error)) from error
    except HttpResponseError as error:
        if _error_code(error) == "PopReceiptMismatch":
            raise MessageLostError("PopReceiptMismatch") from error
        raise


def _error_code(error: HttpResponseError) -> str:
    # The storage libraries add the service's code to the exception.
    return str(getattr(error, "error_code", None) or error.reason)


def poison_name(queue_name: str) -> str | None:
    """The name of the poison queue that belongs to a queue, or None if it has none."""
    if queue_name.endswith(_POISON_SUFFIX) or len(queue_name) + len(_POISON_SUFFIX) > _LONGEST_NAME:
        return None
    return queue_name + _POISON_SUFFIX


def send_creating(queue: QueueClient, text: str) -> None:
    """Put a text on a queue, which is created when it is not there."""
    try:
        queue.send_message(text)
    except ResourceNotFoundError:
        try:
            queue.create_queue()
        except ResourceExistsError:
            # Another host was quicker; all that matters is that it is there.
            queue.send_message(text)
        else:
            queue.send_message(text)
