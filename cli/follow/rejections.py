"""Finds out whether a message that was sent became a dead letter."""

from collections.abc import Iterable, Mapping
from typing import Any

from cli.follow.dead_letters import mark_of
from shared.clients import Clients


class Rejections:
    """Tells the dead letters of a queue that come from now on from those that are there; made before anything is sent.

    Args:
        queue: the queue the messages go to.
        app: the clients.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """

    def __init__(self, queue: str, app: Clients) -> None:
        self._queue = queue
        self._app = app
        rows = app.deadletters.rows(queue, select=["RowKey", "count", "last_seen"])
        self._before = {str(row["RowKey"]): _moves(row) for row in rows}

    def reasons(self, correlation_ids: Iterable[str]) -> dict[str, str]:
        """Looks for dead letters by their marks.

        Args:
            correlation_ids: the marks of the messages.

        Returns:
            The reason of each that became a dead letter, by its mark.
        """
        wanted = set(correlation_ids)
        reasons: dict[str, str] = {}
        for row in self._app.deadletters.rows(self._queue):
            if self._before.get(str(row["RowKey"])) == _moves(row):
                continue
            mark = mark_of(row)
            if mark in wanted:
                reasons[str(mark)] = str(row.get("reason") or "")
        return reasons


def _moves(row: Mapping[str, Any]) -> tuple[Any, Any]:
    """Returns what changes in a dead letter each time its message is rejected once more."""
    return row.get("count"), row.get("last_seen")
