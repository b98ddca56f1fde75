"""Writes what several threads want to write to one partition at the same moment in one transaction.

Nobody waits for others to come: what comes while a transaction is under way goes with the next one. So a single message
is written as fast as ever, and the busier the instance, the less each row costs it and the storage account.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseTimeoutError

from shared.basics import deadline
from shared.basics.deadline import OutOfTime
from shared.storage.transactions import Write

# A transaction takes 100 rows and 4 MiB
# (learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions). Each member writes one row that
# holds a queue message, at most 64 KiB, and up to three more of a few hundred bytes.
_MAX_MEMBERS = 16

Metadata = Mapping[str, Any]
Transact = Callable[[Sequence[Write]], Sequence[Metadata]]


class Conflict(Exception):
    """A conditional write found the rows changed by someone else; read again and decide anew."""


class _Member:
    """The writes of one thread, and what became of them."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self.writes = writes
        self.was_tried = False
        self.made: Sequence[Metadata] | None = None
        self.error: Exception | None = None


class _Lane:
    """The members that wait to be written to one partition; who has the turn writes for all."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.waiting: deque[_Member] = deque()


class GroupCommit:
    """Writes of one kind to all partitions of a table.

    Args:
        transact: writes up to 100 rows of one partition, all or none, or raises Conflict.
    """

    def __init__(self, transact: Transact) -> None:
        self._transact = transact
        self._lanes: dict[str, _Lane] = {}

    def write(self, partition: str, writes: Sequence[Write]) -> Sequence[Metadata]:
        """Writes rows of one partition, all or none, together with what other threads want to write to it.

        Returns:
            The metadata of each row, with its etag.

        Raises:
            Conflict: a condition of these rows no longer holds.
            azure.core.exceptions.AzureError: the storage could not be reached, or refused these rows.
        """
        member = _Member(writes)
        lane = self._lanes.setdefault(partition, _Lane())
        lane.waiting.append(member)
        try:
            with deadline.held(lane.turn):
                while not member.was_tried:
                    self._write_next(lane)
        except OutOfTime as error:
            with suppress(ValueError):  # others write it at this moment
                lane.waiting.remove(member)
            raise ServiceResponseTimeoutError(error.message) from error
        if member.error:
            raise member.error
        # What one row brings about, the others need not suffer: each is written by itself.
        return self._transact(writes) if member.made is None else member.made

    def _write_next(self, lane: _Lane) -> None:
        members = [lane.waiting.popleft() for _ in range(min(len(lane.waiting), _MAX_MEMBERS))]
        try:
            made = iter(self._transact([write for member in members for write in member.writes]))
            for member in members:
                member.made = [next(made) for _ in member.writes]
        except Exception as error:  # noqa: BLE001 - each member raises it
            if len(members) == 1 or _is_of_the_storage(error):
                for member in members:
                    member.error = error
        finally:
            for member in members:
                member.was_tried = True


def _is_of_the_storage(error: Exception) -> bool:
    """Whether each member would meet the same: not a refusal, nor a row that cannot be written."""
    if isinstance(error, HttpResponseError):
        return (error.status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, AzureError)
