"""What a row, GeoCatalog and a source say of one item, and whether that agrees; everything here is pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.records.status_rows import ItemStatus, item_row
from shared.stac.items import PreparedItem

# A row is closed after GeoCatalog stored the item, so `_msft:ts` is the earlier of the two. That it is this much later
# is no difference between two clocks: Azure's keep within a second.
WELL_AFTER = timedelta(minutes=1)


class Verdict(StrEnum):
    """How one item stands."""

    # All agree.
    SAME = "same"
    # Differences.
    MISSING = "missing"  # the row says ingested, GeoCatalog does not have it
    CHANGED = "changed"  # GeoCatalog stored it again after the row was closed: changed by others
    UNSENT = "unsent"  # in the source, without a row
    OLDER = "older"  # what is ingested is an older version than the source's
    NEWER = "newer"  # what is ingested is a newer version than the source's
    DIFFERS = "differs"  # what is ingested is other content than the source's, and no version orders them
    UNREADABLE = "unreadable"  # the source's item is not one GeoCatalog takes
    # Differences only where they are asked for.
    WITHOUT_ROW = "without_row"  # GeoCatalog has it, without a row (--strict)
    EXTRA = "extra"  # ingested, and not in the source (--complete)
    # Told apart.
    FAILED = "failed"  # known to have failed or to have been canceled
    ON_THE_WAY = "on_the_way"  # open, Waiting or Held, or changed since the start
    DELETED = "deleted"  # deleted by a message, and in the source
    UNKNOWN_CONTENT = "unknown_content"  # there before its first message (skipped), so no content is known


DIFFERENCES = (
    Verdict.MISSING, Verdict.CHANGED, Verdict.UNSENT, Verdict.OLDER, Verdict.NEWER, Verdict.DIFFERS, Verdict.UNREADABLE,
    Verdict.WITHOUT_ROW, Verdict.EXTRA,
)  # fmt: skip
# What the source's item is sent for. A newer version that is ingested is never replaced.
SENT_FROM_SOURCE = frozenset({Verdict.MISSING, Verdict.UNSENT, Verdict.OLDER, Verdict.DIFFERS})

_BY_STATUS = {
    ItemStatus.SUCCEEDED: Verdict.SAME,
    ItemStatus.FAILED: Verdict.FAILED,
    ItemStatus.CANCELED: Verdict.FAILED,
    ItemStatus.DELETED: Verdict.DELETED,
}


# The columns that KnownRow is made of.
COLUMNS = (
    "item_id", "status", "queue", "first_enqueued", "finished_at", "stored_hash", "content_hash", "version",
    "version_is_naive",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownRow:
    """What a comparison keeps of an item's row: little, since there may be millions.

    Attributes:
        status: where the item stands.
        finished_at: when it came to its end.
        stored_hash: hash of the content that last succeeded; empty where that is not known.
        version: what orders versions, where the item says so.
        version_is_naive: whether that was written without an offset.
    """

    status: ItemStatus
    finished_at: datetime | None
    stored_hash: str
    version: datetime | None
    version_is_naive: bool

    @classmethod
    def of(cls, entity: Mapping[str, Any]) -> "KnownRow":
        """Read an item's row."""
        row = item_row(entity)
        # Rows from before the column carry the content that was last worked on, and that is what succeeded.
        known = row.stored_hash or (row.content_hash if row.status is ItemStatus.SUCCEEDED else "")
        return cls(row.status, row.finished_at, known, row.version, bool(row.version_is_naive))


def verdict_of_row(row: KnownRow, start: datetime) -> Verdict:
    """Return what the row alone says: SAME where the item is ingested and can be compared.

    Args:
        row: the item's row.
        start: when the comparison began; a row that was closed later is on its way.
    """
    if row.finished_at and row.finished_at > start:
        return Verdict.ON_THE_WAY
    return _BY_STATUS.get(row.status, Verdict.ON_THE_WAY)


def against_catalog(row: KnownRow, start: datetime, stored_at: datetime | None, *, is_there: bool) -> Verdict:
    """Compare a row with GeoCatalog.

    Args:
        row: the item's row.
        start: when the comparison began.
        stored_at: when GeoCatalog last stored the item (`_msft:ts`); None where it does not tell.
        is_there: whether GeoCatalog has the item.
    """
    verdict = verdict_of_row(row, start)
    if verdict is not Verdict.SAME:
        return verdict
    if not is_there:
        return Verdict.MISSING
    if stored_at and row.finished_at and stored_at > row.finished_at + WELL_AFTER:
        return Verdict.CHANGED
    return Verdict.SAME


def against_source(row: KnownRow | None, start: datetime, item: PreparedItem) -> Verdict:
    """Compare a row with the source's item.

    Args:
        row: the item's row; None where it has none.
        start: when the comparison began.
        item: the item as `enqueue` prepares it.
    """
    if row is None:
        return Verdict.UNSENT
    verdict = verdict_of_row(row, start)
    if verdict is not Verdict.SAME:
        return verdict
    if not row.stored_hash:
        return Verdict.UNKNOWN_CONTENT
    if row.stored_hash == item.content_hash or row.stored_hash in item.earlier_hashes():
        return Verdict.SAME
    return _by_version(row, item)


def _by_version(row: KnownRow, item: PreparedItem) -> Verdict:
    version = item.version
    if version is None or row.version is None or version.is_naive != row.version_is_naive:
        return Verdict.DIFFERS
    if row.version == version.moment:
        return Verdict.DIFFERS
    return Verdict.OLDER if row.version < version.moment else Verdict.NEWER
