"""Table `feeds`: one row per feed, and beside them one row per page whose items are not finished, and one per host.

PartitionKey `feed`, RowKey the feed's name. PartitionKey `page~{name}`, RowKey the moment of the page: what of it is on
the queue. PartitionKey `host`, RowKey the host: who asks it now, and until when it wants to be left alone. One more
row, `settings` / `FEEDS`, holds what is wrong with that setting.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableServiceClient, UpdateMode

from shared.basics.clock import format_timestamp
from shared.records.status_rows import etag_of
from shared.storage.group_commit import Conflict
from shared.storage.tables import FEEDS, Query, Table

_FEED, _HOST, _PAGE = "feed", "host", "page~"
_FAULTS = {"PartitionKey": "settings", "RowKey": "FEEDS"}
_CONDITIONAL: dict[str, Any] = {"mode": UpdateMode.REPLACE, "match_condition": MatchConditions.IfNotModified}
# How often a change that a person makes is tried again where the app writes the row at the same moment.
_MAX_CONFLICTS = 20


@dataclass(frozen=True)
class FeedRow:
    """How a feed stands.

    Attributes:
        name: its name.
        spec: the feed as a command or a collection's message added it, JSON.
        listed_spec: the feed as FEEDS says, JSON; empty where it names none.
        fingerprint: that of the query that the progress below belongs to.
        order_by: the property that its items are followed by.
        sort_level: how much of the wanted order the API refused: 0 nothing, 1 the id, 2 all.
        sorts: whether the API was seen to give its items in the order that is asked for.
        watermark: the largest value up to which every item is on the queue.
        follow: the pass under way from the watermark on, JSON; empty between two.
        full: the full pass under way, JSON; empty between two.
        followed_at: when the last pass from the watermark on began, of those that ended.
        last_full_pass: when the last full pass ended.
        last_full_pass_missed: how many items it found that the look-back had missed.
        last_read: when a page was last read.
        last_run: when the feed last had its turn.
        matched: how many items the query has in all, where the API says so.
        known: how many items were sent for the first time.
        sent: how many items were sent in all.
        error_code: the last fault's code; empty where the last turn ended well.
        error_message: the last fault in a sentence.
        error_since: since when turns end with a fault.
        paused_at: since when the feed is paused; None where it is not.
        paused_by: `operator` or `app`.
        accepts_replacements: whether an operator agreed that this pass replaces many items.
        added_at: when it was added, or last told to continue.
        claimed_by: whose turn it is.
        claimed_until: the end of that claim.
        etag: version of the row.
    """

    name: str
    spec: str = ""
    listed_spec: str = ""
    fingerprint: str = ""
    order_by: str = ""
    sort_level: int = 0
    sorts: bool = False
    watermark: datetime | None = None
    follow: str = ""
    full: str = ""
    followed_at: datetime | None = None
    last_full_pass: datetime | None = None
    last_full_pass_missed: int | None = None
    last_read: datetime | None = None
    last_run: datetime | None = None
    matched: int | None = None
    known: int = 0
    sent: int = 0
    error_code: str = ""
    error_message: str = ""
    error_since: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str = ""
    accepts_replacements: bool = False
    added_at: datetime | None = None
    claimed_by: str = ""
    claimed_until: datetime | None = None
    etag: str = field(default="", compare=False)

    @property
    def wanted(self) -> str:
        """The feed as JSON text, by whoever wants it: FEEDS first; empty where nobody does any more."""
        return self.listed_spec or self.spec


@dataclass(frozen=True)
class SentPage:
    """A page whose new items were put on the queue.

    Attributes:
        feed: name of the feed.
        key: its row key, which orders pages by time.
        entries: the start of the content's hash by item id.
        message: the message that names the items.
        is_sent: whether the message is on the queue for certain.
        sent_at: when the page was asked for.
        etag: version of the row.
    """

    feed: str
    key: str
    entries: dict[str, str]
    message: dict[str, Any]
    is_sent: bool
    sent_at: datetime
    etag: str = field(default="", compare=False)


class FeedStore:
    """Table `feeds`.

    Args:
        tables: client of the storage account's tables.
    """

    def __init__(self, tables: TableServiceClient) -> None:
        self._table = Table(tables, FEEDS)

    # Feeds

    def rows(self) -> list[FeedRow]:
        """Return every feed; there are tens of them."""
        return [_feed_row(entity) for entity in self._table.query(Query("PartitionKey eq @pk", {"pk": _FEED}))]

    def get(self, name: str) -> FeedRow | None:
        """Return one feed; None where there is none."""
        entity = self._read(_FEED, name)
        return _feed_row(entity) if entity else None

    def insert(self, row: FeedRow) -> FeedRow:
        """Write the row of a feed that has none.

        Raises:
            Conflict: it has one already.
        """
        try:
            made = self._table.run(lambda client: client.create_entity(_feed_entity(row)))
        except ResourceExistsError:
            raise Conflict from None
        return replace(row, etag=str(made["etag"]))

    def update(self, row: FeedRow) -> FeedRow:
        """Write a feed's row as it is to be, if it is still as it was read.

        Raises:
            Conflict: it was changed or removed meanwhile.
        """
        try:
            made = self._table.run(
                lambda client: client.update_entity(_feed_entity(row), etag=row.etag, **_CONDITIONAL)
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            raise Conflict from None
        return replace(row, etag=str(made["etag"]))

    def change(self, name: str, change: Callable[[FeedRow], FeedRow]) -> FeedRow | None:
        """Change a feed's row, whoever else writes it at that moment.

        Args:
            name: the feed.
            change: returns the row as it is to be; called again where the row was changed meanwhile.

        Returns:
            The row as it is now; None where there is none.

        Raises:
            Conflict: the row kept changing.
        """
        for _ in range(_MAX_CONFLICTS):
            row = self.get(name)
            if row is None:
                return None
            try:
                return self.update(change(row))
            except Conflict:
                continue
        raise Conflict

    def delete(self, name: str) -> None:
        """Forget a feed and its pages."""
        for page in self.pages(name):
            self.delete_page(page)
        self._table.run(lambda client: client.delete_entity(_FEED, name))

    # Pages

    def pages(self, name: str) -> list[SentPage]:
        """Return the pages of a feed whose items were not finished when last checked, oldest first."""
        query = Query("PartitionKey eq @pk", {"pk": _PAGE + name})
        return [_sent_page(entity) for entity in self._table.query(query)]

    def insert_page(self, page: SentPage) -> SentPage:
        """Write a page before its message is sent.

        Raises:
            Conflict: another run writes one of that moment.
        """
        try:
            made = self._table.run(lambda client: client.create_entity(_page_entity(page)))
        except ResourceExistsError:
            raise Conflict from None
        return replace(page, etag=str(made["etag"]))

    def mark_sent(self, page: SentPage) -> SentPage:
        """Write that a page's message is on the queue; a page that is finished already stays forgotten."""
        sent = replace(page, is_sent=True)
        entity = {"PartitionKey": _PAGE + page.feed, "RowKey": page.key, "is_sent": True}
        try:
            self._table.run(lambda client: client.update_entity(entity, mode=UpdateMode.MERGE))
        except ResourceNotFoundError:
            return sent
        return sent

    def delete_page(self, page: SentPage) -> None:
        """Forget a page, because its items are finished."""
        self._table.run(lambda client: client.delete_entity(_PAGE + page.feed, page.key))

    # Hosts

    def take_host(self, host: str, owner: str, now: datetime, until: datetime) -> datetime | None:
        """Take the right to ask a host, which one run has at a time.

        Args:
            host: the host with its port.
            owner: names the run.
            now: the present moment.
            until: the end of the right, should the run be killed.

        Returns:
            None where it was given; otherwise the moment before which the host is not to be asked.
        """
        row = self._read(_HOST, host)
        not_before = row.get("not_before") if row else None
        if not_before and not_before > now:
            return _plain(not_before)
        held_until = row.get("claimed_until") if row else None
        if row and held_until and held_until > now and row.get("claimed_by") != owner:
            return _plain(held_until)
        entity = {"PartitionKey": _HOST, "RowKey": host, "claimed_by": owner, "claimed_until": until}
        try:
            if row is None:
                self._table.run(lambda client: client.create_entity(entity))
            else:
                self._table.run(lambda client: client.update_entity(entity, etag=etag_of(row), **_CONDITIONAL))
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return until  # another run was quicker
        return None

    def leave_host(self, host: str, not_before: datetime | None = None) -> None:
        """Give the right to ask a host back.

        Args:
            host: the host with its port.
            not_before: the moment before which no run asks it, where it said so.
        """
        entity: dict[str, Any] = {"PartitionKey": _HOST, "RowKey": host}
        if not_before:
            entity["not_before"] = not_before
        self._table.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.REPLACE))

    # Faults of FEEDS

    def faults(self) -> list[str]:
        """Return what was wrong with FEEDS when it was last read, a sentence each."""
        row = self._read(_FAULTS["PartitionKey"], _FAULTS["RowKey"])
        return [str(fault) for fault in json.loads(str(row["faults"]))] if row else []

    def note_faults(self, faults: Sequence[str]) -> None:
        """Write what is wrong with FEEDS, a sentence each, where that has changed."""
        if list(faults) == self.faults():
            return
        entity = {**_FAULTS, "faults": json.dumps(list(faults), ensure_ascii=False)}
        self._table.run(lambda client: client.upsert_entity(entity, mode=UpdateMode.REPLACE))

    def _read(self, partition: str, key: str) -> Mapping[str, Any] | None:
        try:
            return self._table.run(lambda client: client.get_entity(partition, key))
        except ResourceNotFoundError:
            return None


def page_key(moment: datetime) -> str:
    """Return the row key of a page that was asked for at a moment."""
    return format_timestamp(moment)


def _feed_entity(row: FeedRow) -> dict[str, Any]:
    columns = {name: value for name, value in vars(row).items() if name not in {"name", "etag"} and value is not None}
    return {"PartitionKey": _FEED, "RowKey": row.name, **columns}


def _feed_row(entity: Mapping[str, Any]) -> FeedRow:
    columns: dict[str, Any] = {"name": str(entity["RowKey"]), "etag": etag_of(entity)}
    for column in fields(FeedRow):
        value = entity.get(column.name)
        if column.name not in columns and value is not None:
            columns[column.name] = _plain(value) if isinstance(value, datetime) else value
    return FeedRow(**columns)


def _page_entity(page: SentPage) -> dict[str, Any]:
    return {
        "PartitionKey": _PAGE + page.feed,
        "RowKey": page.key,
        "entries": zlib.compress(json.dumps(page.entries).encode()),
        "message": json.dumps(page.message, ensure_ascii=False),
        "items": len(page.entries),
        "is_sent": page.is_sent,
        "sent_at": page.sent_at,
    }


def _sent_page(entity: Mapping[str, Any]) -> SentPage:
    return SentPage(
        feed=str(entity["PartitionKey"]).removeprefix(_PAGE),
        key=str(entity["RowKey"]),
        entries=json.loads(zlib.decompress(entity["entries"])),
        message=json.loads(str(entity["message"])),
        is_sent=bool(entity["is_sent"]),
        sent_at=_plain(entity["sent_at"]),
        etag=etag_of(entity),
    )


def _plain(moment: datetime) -> datetime:
    # The SDK's own subclass carries extras that make comparison odd.
    return datetime.fromisoformat(moment.isoformat()).astimezone(UTC)
