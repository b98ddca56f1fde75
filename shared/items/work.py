"""What a message wants done to one item, and what the item's row says to it.

Everything here is pure: the rules that keep content from being ingested twice and older content from winning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.basics.errors import BadContent
from shared.messages.envelope import Envelope
from shared.messages.models import IfExists, ItemMessage
from shared.records.status_rows import ItemRow, ItemStatus
from shared.stac.hashing import HASH_VERSION
from shared.stac.items import PreparedItem


@dataclass(frozen=True)
class Work:
    """What one message wants done to one item.

    Attributes:
        collection: id of the collection.
        item_id: id of the item.
        envelope: the message.
        prepared: the item as it is sent; None for a deletion or for bad content.
        fault: why the content can never be ingested, if so.
        content_hash: hash of the content; for bad content, of the message.
        hash_version: by which rules it was made.
        version: what orders versions before `first_enqueued` does, where the item says so.
        version_is_naive: whether that was written without an offset.
        if_exists: what to do when GeoCatalog holds the item.
        force: ingest even if the same content is there.
        source: the feed and the collection there that it comes from; None for other messages.
    """

    collection: str
    item_id: str
    envelope: Envelope
    prepared: PreparedItem | None = None
    fault: BadContent | None = None
    content_hash: str = ""
    hash_version: int | None = HASH_VERSION
    version: datetime | None = None
    version_is_naive: bool = False
    if_exists: IfExists = IfExists.REPLACE
    force: bool = False
    source: str | None = None

    @property
    def is_deletion(self) -> bool:
        """Whether the item is to be deleted."""
        return self.prepared is None and self.fault is None

    @property
    def subject(self) -> str:
        """The item, for the log."""
        return f"Item {self.collection}/{self.item_id}"

    def earlier_hashes(self) -> Iterable[str]:
        """Return the hashes that the content can have by the rules before hashes had a version."""
        return self.prepared.earlier_hashes() if self.prepared else (self.content_hash,)


class Decision(StrEnum):
    """What to do with a message, given the item's row."""

    CLAIM = "claim"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    STALE_COPY = "stale copy"
    WAIT_FOR_CLAIM = "wait for claim"
    WAIT_FOR_OPERATION = "wait for operation"
    WAIT_FOR_QUIET = "wait for quiet"
    COLLISION = "collision"


def decide(row: ItemRow, work: Work, now: datetime, *, operation_stalled: bool = False) -> Decision:
    """Says what a message may do, given the row of its item.

    Args:
        row: the item's row as it stands.
        work: what the message wants.
        now: the present moment.
        operation_stalled: whether the row's operation is past its deadline and no longer holds up newer content.
    """
    if is_collision(row, work):
        return Decision.COLLISION
    same = is_same_content(row, work)
    if not same and is_older(work, row):
        return Decision.SUPERSEDED
    if same and row.is_of(work.envelope) and work.envelope.attempt < row.attempt:
        # A later copy of this very message is on the queue, or has come to its end.
        return Decision.STALE_COPY
    match row.status:
        case ItemStatus.SUBMITTING if row.claimed_until and row.claimed_until > now:
            return Decision.WAIT_FOR_CLAIM
        case ItemStatus.SUBMITTED:
            if same and not _is_forced_anew(work, row) and not _is_ahead(work, row):
                return Decision.UNCHANGED
            return Decision.CLAIM if operation_stalled else Decision.WAIT_FOR_OPERATION
        case ItemStatus.SUCCEEDED if same and not _is_forced_anew(work, row):
            return Decision.UNCHANGED
        case _:
            pass
    if not same and row.quiet_until and row.quiet_until > now:
        return Decision.WAIT_FOR_QUIET
    if work.if_exists is IfExists.SKIP and row.in_catalog and not work.is_deletion:
        return Decision.SKIPPED
    return Decision.CLAIM


def is_collision(row: ItemRow, work: Work) -> bool:
    """Tell whether a message and a row are of two items that have one id, each of another feed or collection there.

    Of an item that was deleted the id is free.
    """
    if not work.source or not row.source or row.status is ItemStatus.DELETED:
        return False
    return work.source != row.source


def source_of(message: ItemMessage, item: Mapping[str, Any]) -> str | None:
    """Return where an item comes from: its feed and the collection there; None for messages of others."""
    return f"{message.source}/{item.get('collection') or ''}" if message.source else None


def is_same_content(row: ItemRow, work: Work) -> bool:
    """Tells whether a row's last work and a message's are the same content, or both the deletion."""
    if work.is_deletion or row.is_deletion:
        return work.is_deletion and row.is_deletion and work.envelope.first_enqueued == row.first_enqueued
    if work.hash_version == row.hash_version:
        return work.content_hash == row.content_hash
    # The row is older than the rules of the hash; what is the same by the earlier ones is not sent again.
    return bool(row.content_hash) and row.content_hash in work.earlier_hashes()


def is_older(work: Work, row: ItemRow) -> bool:
    """Tells whether a message's content is older than that of the row.

    Versions decide where both carry one, they can be compared and they differ; otherwise the moment the content was
    first enqueued. A version without an offset compares only with another one.
    """
    is_comparable = work.version_is_naive == bool(row.version_is_naive)
    if work.version and row.version and is_comparable and work.version != row.version:
        return work.version < row.version
    return work.envelope.first_enqueued < row.first_enqueued


def _is_ahead(work: Work, row: ItemRow) -> bool:
    # A copy that was sent because the operation failed, and came before that was written to the row: were it taken for
    # done, nothing would be left on the queue once the row says that it waits.
    return work.envelope.first_enqueued == row.first_enqueued and work.envelope.attempt > row.attempt


def _is_forced_anew(work: Work, row: ItemRow) -> bool:
    # The very message that was carried out already, given again by the queue, is not a new wish.
    return work.force and not row.is_of(work.envelope)
