"""Counts the messages on the queues that nothing waits for: copies left behind when items were tried at once."""

import datetime as dt
import itertools
import json
from collections.abc import Callable

from shared.basics.clock import parse_timestamp
from shared.clients import Clients
from shared.records.status_rows import ItemStatus

# By how much the clock of the storage may lag behind that of the app.
_CLOCKS_DIFFER = dt.timedelta(minutes=5)


def stale_copies(app: Clients, before_page: Callable[[], None]) -> int:
    """Counts the delayed copies that a resume or replay left on the queues; each ends by itself when its delay does.

    Args:
        app: the clients.
        before_page: called before each page of rows; what it raises ends the reading.

    Returns:
        The most that there can be.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    earliest = app.now() - app.timings.longest_delay
    # A row that was not written since tells of none since; the service leaves such rows out.
    since = earliest - _CLOCKS_DIFFER
    return sum(
        _left_behind(str(row["history"]), earliest)
        for collection in app.status.partitions()
        for row in app.status.changed_since(collection, since, select=["history"], before_page=before_page)
        if row.get("history")
    )


def _left_behind(history: str, earliest: dt.datetime) -> int:
    """Count how often an item was sent again before its delay was over: it then waits without a fault."""
    return sum(
        before["status"] in {ItemStatus.HELD, ItemStatus.WAITING}
        and after["status"] == ItemStatus.WAITING
        and "error_code" not in after
        and parse_timestamp(before["at"]) > earliest
        for before, after in itertools.pairwise(json.loads(history))
    )
