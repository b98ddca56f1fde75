"""Repairs what a comparison found: marks what is missing in the table, and sends what the source has."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from cli.send.sender import ParallelSender
from cli.verify.findings import Findings
from cli.verify.rules import SENT_FROM_SOURCE, Verdict
from cli.verify.stage import Stage
from shared.basics.errors import ErrorCode
from shared.basics.json_codec import write_json
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.items.stored import stored_moment
from shared.messages.models import QueueName
from shared.records.status_rows import ItemRow, ItemStatus
from shared.storage.group_commit import Conflict

_MISSING = "`geocatalog verify` no longer found the item in GeoCatalog; enqueue it again, or let its feed do so."


def mark_missing(found: Findings, app: Clients) -> list[tuple[str, str]]:
    """Set the rows of missing items to Failed with code MissingInCatalog, so that the next enqueue or feed sends them.

    Returns:
        The items whose rows were set; a row that changed meanwhile stays.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    keys = found.of(Verdict.MISSING)
    marked = run_all(lambda key: _mark(*key, app), keys)
    return [key for key, is_marked in zip(keys, marked, strict=True) if is_marked]


def _mark(collection: str, item_id: str, app: Clients) -> bool:
    row = app.status.get(collection, item_id)
    if row is None or row.status is not ItemStatus.SUCCEEDED:
        return False
    now = app.now()
    after = row.changed(
        ItemStatus.FAILED, now, finished_at=now, in_catalog=False, content_hash="", hash_version=None, stored_hash="",
        error_code=ErrorCode.MISSING_IN_CATALOG.value, error_message=_MISSING,
    )  # fmt: skip
    try:
        app.status.update(row, after)
    except Conflict:
        return False  # it is on its way again
    return True


def write_ids(items: list[tuple[str, str]], folder: Path) -> list[Path]:
    """Write the ids of items to one file for each collection, one id a line; return the files."""
    by_collection: dict[str, list[str]] = {}
    for collection, item_id in items:
        by_collection.setdefault(collection, []).append(item_id)
    files = []
    for collection, ids in by_collection.items():
        path = folder / f"missing-{collection}.txt"
        path.write_text("".join(f"{item_id}\n" for item_id in ids), encoding="utf-8")
        files.append(path)
    return files


def send_from_source(found: Findings, stage: Stage, app: Clients, told: Callable[[int], None]) -> Counter[str]:
    """Send the source's items that are missing, were never sent, or differ from what is ingested.

    Args:
        found: what the comparison found; rows of missing items were marked.
        stage: the messages.
        app: the clients.
        told: told how many messages were sent.

    Returns:
        The number that was sent, by collection.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    sent: Counter[str] = Counter()

    def count(collection: str) -> None:
        sent[collection] += 1
        told(sent.total())

    with ParallelSender(app.queues, width=16, on_sent=count) as sender:
        for key, message in stage.messages():
            if found.items.get(key) in SENT_FROM_SOURCE:
                sender.send(message, key[0])
    return sent


def adopt(found: Findings, app: Clients) -> int:
    """Write rows for items that GeoCatalog has and the table does not; return how many were written.

    Raises:
        IngestionError: GeoCatalog refused or did not answer.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    return sum(run_all(lambda key: _adopt(*key, app), found.of(Verdict.WITHOUT_ROW)))


def _adopt(collection: str, item_id: str, app: Clients) -> bool:
    item = app.geocatalog.get_item(collection, item_id)
    if item is None:
        return False
    now = app.now()
    bbox = item.get("bbox")
    # As old as what is stored, so that a message that is on the queue already is newer.
    since = stored_moment(item) or now
    row = ItemRow(collection, item_id, ItemStatus.SUCCEEDED, QueueName.ITEMS.value, first_enqueued=since)
    adopted = row.changed(
        ItemStatus.SUCCEEDED, now, finished_at=now, in_catalog=True,
        datetime=item["properties"].get("datetime"), bbox=write_json(bbox).decode() if bbox else None,
    )  # fmt: skip
    if app.status.insert(adopted):
        return True
    known = app.status.get(collection, item_id)
    if known is None or known.status is not ItemStatus.DELETED:
        return False
    try:
        app.status.update(known, adopted)
    except Conflict:
        return False
    return True
