"""Sends what a page has new: one payload of newline-delimited items, one message that names it.

What is known already is left out before anything is written, so that reading the same page again costs nothing. The
page's row is written before its message and marked after it, so that a run that is killed in between is finished by the
next one, with the very same message.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.basics.clock import format_timestamp
from shared.basics.errors import BadMessage, ErrorCode
from shared.basics.json_codec import read_json, write_json
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.feeds.specs import FeedSpec
from shared.items.preparing import Preparation, prepared_for
from shared.items.work import source_of
from shared.messages.models import IfExists, ItemMessage, QueueName
from shared.messages.reading import dump_message
from shared.records.collection_rows import ITEM_MOMENTS, collection_born, is_current
from shared.records.feed_store import SentPage, page_key
from shared.records.status_rows import ITEM_PREFIX, TERMINAL, ItemStatus
from shared.stac.hashing import HASH_VERSION
from shared.stac.ids import check_item_id
from shared.storage.payloads import Payloads

# So many characters of a content's hash tell two contents of one item apart.
_DIGEST = 16
_COLUMNS = (
    "status", "content_hash", "hash_version", "in_catalog", "source", "rival", "error_code", "queue", "deleted_hash",
    "first_enqueued", *ITEM_MOMENTS,
)  # fmt: skip
# Rows that promise a page's items and are older than a message can be were lost with their message's rejection.
_GRACE = timedelta(days=1)
# The code that a check of the catalogue gives to items that it lost.
_MISSING = "MissingInCatalog"


class News(StrEnum):
    """What an item of a page is to the app."""

    NEW = "new"
    CHANGED = "changed"
    KNOWN = "known"


@dataclass
class Batch:
    """What a page has new.

    Attributes:
        items: the items to send, in the order of the page.
        digests: the start of the content's hash by item id; of one id in two collections both, with a comma.
        new: how many were never sent.
        replaced: how many take the place of what GeoCatalog holds.
        rejects: entries that can be no items, each with the reason.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    new: int = 0
    replaced: int = 0
    rejects: list[tuple[bytes, str]] = field(default_factory=list)


class Outstanding:
    """The items of a feed that are on the queue and not finished.

    Args:
        spec: the feed.
        app: the clients.
    """

    def __init__(self, spec: FeedSpec, app: Clients) -> None:
        self._spec = spec
        self._app = app
        self._pages: list[SentPage] = []
        self._unfinished: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._unfinished)

    def holds(self, item_id: str, digest: str) -> bool:
        """Tell whether a content of an item is on the queue."""
        return digest in self._unfinished.get(item_id, ())

    def read(self) -> None:
        """Read the feed's pages; finish what a run that was killed left, and forget what is finished.

        Raises:
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        born = collection_born(self._app.status.get_collection(self._spec.collection))
        self._unfinished = {}
        self._pages = []
        oldest = self._app.now() - self._app.settings.retry_max_age - _GRACE
        for page in self._app.feeds.pages(self._spec.name):
            if not page.is_sent:
                self._send(page)
            rows = dict(zip(page.entries, run_all(self._row, page.entries), strict=True))
            left = {
                item_id: digest
                for item_id, digest in page.entries.items()
                if not _is_finished(rows[item_id], page, born)
            }
            if left and page.sent_at > oldest:
                self._pages.append(page)
                self._note(left)
            else:
                self._app.feeds.delete_page(page)

    def add(self, batch: Batch, asked_at: datetime) -> None:
        """Put a page's new items on the queue.

        Args:
            batch: what is new; at least one item.
            asked_at: the moment before the page was asked for.

        Raises:
            Conflict: another run of the feed sends at this moment.
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        lines = b"".join(write_json(item) + b"\n" for item in batch.items)
        href = Payloads(self._app.storage.blobs).store(lines)
        message = dump_message(message_of(self._spec).model_copy(update={"href": href, "item": None}))
        message |= {"first_enqueued": format_timestamp(asked_at), "attempt": 0}
        page = SentPage(self._spec.name, page_key(asked_at), batch.digests, message, is_sent=False, sent_at=asked_at)
        page = self._app.feeds.insert_page(page)
        self._send(page)
        self._pages.append(page)
        self._note(batch.digests)

    def _note(self, entries: Mapping[str, str]) -> None:
        for item_id, digests in entries.items():
            self._unfinished.setdefault(item_id, set()).update(digests.split(","))

    def _send(self, page: SentPage) -> None:
        self._app.queues.send(QueueName.ITEMS, page.message)
        self._app.feeds.mark_sent(page)

    def _row(self, item_id: str) -> Mapping[str, Any] | None:
        return self._app.status.read(self._spec.collection, ITEM_PREFIX + item_id, select=_COLUMNS)


def _is_finished(row: Mapping[str, Any] | None, page: SentPage, born: datetime | None) -> bool:
    if row is None or not is_current(row, born):
        return False
    # Of content that came before, the row says nothing about this one; of a later one it does.
    is_reached = row["first_enqueued"] >= page.sent_at or row.get("rival")
    return bool(is_reached) and row["status"] in TERMINAL


def message_of(spec: FeedSpec) -> ItemMessage:
    """Return what the messages of a feed have in common; `href` is given with each."""
    return ItemMessage(
        item={},
        collection=spec.collection,
        if_exists=spec.if_exists,
        version_by=spec.version_by,
        drop_assets=list(spec.drop_assets),
        ignore_properties=list(spec.ignore_properties),
        source=f"feed:{spec.name}",
    )


def news_of(entries: Iterable[Any], spec: FeedSpec, outstanding: Outstanding, app: Clients) -> Batch:
    """Return what of a page is to be sent; of one id that is there twice, the later.

    Args:
        entries: the features of the page.
        spec: the feed.
        outstanding: what of the feed is on the queue.
        app: the clients.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    batch = Batch()
    by_key: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        reason = _fault_of(entry)
        if reason:
            batch.rejects.append((_text_of(entry), reason))
        else:
            key = (entry["id"], str(entry.get("collection")))
            by_key.pop(key, None)
            by_key[key] = entry
    message = message_of(spec)
    born = collection_born(app.status.get_collection(spec.collection))

    def judge(item: dict[str, Any]) -> tuple[News, bool, str]:
        preparation = prepared_for(item, message, spec.collection, app)
        digest = preparation.content_hash[:_DIGEST]
        if outstanding.holds(item["id"], digest):
            return News.KNOWN, False, digest
        row = app.status.read(spec.collection, ITEM_PREFIX + item["id"], select=_COLUMNS)
        current = row if row is not None and is_current(row, born) else None
        news = judged(current, lambda found: _is_same(found, preparation), source_of(message, item), spec.if_exists)
        return news, bool(current and current.get("in_catalog")), digest

    items = list(by_key.values())
    for item, (news, is_held, digest) in zip(items, run_all(judge, items), strict=True):
        if news is News.KNOWN:
            continue
        batch.items.append(item)
        batch.digests[item["id"]] = ",".join(filter(None, (batch.digests.get(item["id"]), digest)))
        batch.new += news is News.NEW
        batch.replaced += news is News.CHANGED and is_held
    return batch


def judged(
    row: Mapping[str, Any] | None, is_same: Callable[[Mapping[str, Any]], bool], source: str | None, if_exists: IfExists
) -> News:
    """Return what an item is, given its row: the same content in any state is known.

    Args:
        row: the columns of the item's row; None where it has none in the present collection.
        is_same: tells whether a row is of the same content.
        source: the feed and the collection that it comes from.
        if_exists: what the feed does with an item that changed.
    """
    if row is None or row.get("error_code") == _MISSING:
        return News.NEW
    own = row.get("source")
    if own and own != source and row.get("status") != ItemStatus.DELETED:
        # Another source's item: it is sent once, to fail with IdCollision.
        return News.KNOWN if row.get("rival") == source else News.NEW
    if is_same(row):
        return News.KNOWN
    if if_exists is IfExists.SKIP and row.get("in_catalog"):
        return News.KNOWN
    return News.CHANGED


def _is_same(row: Mapping[str, Any], preparation: Preparation) -> bool:
    is_deletion = row.get("queue") == QueueName.DELETIONS
    found = row.get("deleted_hash" if is_deletion else "content_hash")
    if is_deletion and not found:
        return True  # deleted by an operator, and what it was is not known any more
    if found == preparation.content_hash:
        return True
    is_older = is_deletion or row.get("hash_version") != HASH_VERSION
    return (
        is_older
        and bool(found)
        and preparation.prepared is not None
        and str(found) in preparation.prepared.earlier_hashes()
    )


def reject(batch: Batch, spec: FeedSpec, app: Clients) -> None:
    """Record each entry of a page that can be no item as a dead letter, once.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    for body, reason in batch.rejects:
        if app.deadletters.get(QueueName.ITEMS, hashlib.sha256(body).hexdigest()) is None:
            error = BadMessage(f"{reason} It came from feed {spec.name}.", code=ErrorCode.BAD_ID)
            app.delivery.reject(QueueName.ITEMS, body, error)


def _fault_of(entry: Any) -> str | None:  # noqa: ANN401 - JSON is any value
    if not isinstance(entry, dict):
        return "The entry of the page is not a JSON object."
    try:
        check_item_id(entry.get("id"))
        read_json(write_json(entry))
    except BadMessage as error:
        return error.message
    except ValueError as error:
        return f"The entry of the page holds what JSON cannot carry ({error})."
    return None


def _text_of(entry: Any) -> bytes:  # noqa: ANN401
    try:
        return write_json(entry)
    except ValueError:
        return repr(entry).encode(errors="replace")
