"""Counts the messages on the queues that nothing waits for: copies left behind when held items were tried at once."""

import datetime as dt
import itertools
import json

from shared.clients import Clients
from shared.clock import parse_timestamp
from shared.status_rows import ITEM_PREFIX, ItemStatus


def stale_copies(app: Clients) -> int:
    """Counts the delayed copies that a resume or replay left on the queues; each ends by itself when its delay does.

    Args:
        app: the clients.

    Returns:
        The most that there can be.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    earliest = app.now() - app.timings.longest_delay
    return sum(
        _left_behind(str(row["history"]), earliest)
        for collection in app.status.partitions()
        for row in app.status.query_prefix(collection, ITEM_PREFIX, select=["history"])
        if row.get("history")
    )


def _left_behind(history: str, earliest: dt.datetime) -> int:
    """Counts how often a held item was sent again before its delay was over: it then waits without a fault."""
    return sum(
        held["status"] == ItemStatus.HELD
        and after["status"] == ItemStatus.WAITING
        and "error_code" not in after
        and parse_timestamp(held["at"]) > earliest
        for held, after in itertools.pairwise(json.loads(history))
    )
