"""Counts the open operations whose items lie in each container."""

from collections import Counter
from itertools import islice

from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.operations.access_faults import asset_urls

# Each needs its item's row; with more than these a person would wait.
MOST_OPERATIONS = 2_000


def open_operations(app: Clients) -> tuple[Counter[str], bool]:
    """Counts the open operations by the containers that their items' assets lie in.

    An item that was sent by its URL is counted once the app has read it.

    Returns:
        The counts by container URL, and whether there were too many to count them all.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    rows = (row for name in app.status.partitions() for row in app.status.open_operations(name) if row.item_id)
    operations = list(islice(rows, MOST_OPERATIONS + 1))
    items = run_all(lambda row: app.status.get(row.collection, row.item_id), operations[:MOST_OPERATIONS])
    counts = Counter(url for item in items if item for url in {url.container_url for url in asset_urls(item)})
    return counts, len(operations) > MOST_OPERATIONS
