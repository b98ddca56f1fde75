"""Queue operations of the host, with the answers that are part of the rules told apart."""

from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)
from azure.storage.queue import QueueClient, StorageErrorCode

T = TypeVar("T")

_POISON_SUFFIX = "-poison"
_LONGEST_NAME = 63
_SERVER_ERROR = 500

_QUEUE_GONE = frozenset({StorageErrorCode.QUEUE_NOT_FOUND, StorageErrorCode.QUEUE_BEING_DELETED})
_MESSAGE_LOST = _QUEUE_GONE | {StorageErrorCode.MESSAGE_NOT_FOUND, StorageErrorCode.POP_RECEIPT_MISMATCH}


class MessageLostError(Exception):
    """The message is no longer this host's: its pop receipt is outdated, or it or its queue is gone."""


def guard_ownership(operation: Callable[[], T]) -> T:
    """Run an operation on a received message.

    Raises:
        MessageLostError: It is no longer ours.
        AzureError: Storage answered otherwise, or not at all.
    """
    try:
        return operation()
    except HttpResponseError as error:
        code = _error_code(error)
        if code in _MESSAGE_LOST:
            raise MessageLostError(str(error.reason if code is None else code.value)) from error
        raise


def is_passing(error: AzureError) -> bool:
    """Whether polling continues after an error; any other error stops the host.

    Source: QueueListener of Microsoft.Azure.WebJobs.Extensions.Storage.Queues 5.3.10, where a missing queue, one that
    is being deleted and a server's error are handled, and a time-out ends only the call.
    """
    if isinstance(error, ServiceRequestTimeoutError | ServiceResponseTimeoutError):
        return True
    if not isinstance(error, HttpResponseError):
        return False
    return _error_code(error) in _QUEUE_GONE or (error.status_code or 0) >= _SERVER_ERROR


def _error_code(error: HttpResponseError) -> StorageErrorCode | None:
    # The storage libraries add the service's code to the exception: as text, or as a member of their enum.
    code = getattr(error, "error_code", None)
    try:
        return StorageErrorCode(code) if code else None
    except ValueError:
        return None


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
