"""What the collection's own row says of it: since when it is the present one, and what its deletion leaves."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

# The moments of an item's row that tell of which collection of that id it is.
ITEM_MOMENTS = ("claimed_at", "submitted_at", "finished_at")


def collection_born(row: Mapping[str, Any]) -> dt.datetime | None:
    """Returns since when the collection of this id is the present one: its creation or its predecessor's deletion.

    Args:
        row: the collection's own row.
    """
    return max((row[name] for name in ("created_at", "deleted_at") if row.get(name)), default=None)


def is_current(columns: Mapping[str, Any], born: dt.datetime | None) -> bool:
    """Tells whether an item's row is of the present collection, not of one that was deleted since."""
    last = max((columns[name] for name in ITEM_MOMENTS if columns.get(name)), default=None)
    return born is None or last is None or last >= born


def deletion_columns(
    now: dt.datetime, code: str | None, message: str | None, correlation_id: str | None
) -> dict[str, Any]:
    """Returns what the collection's row says after its deletion.

    Args:
        now: when it ended.
        code: the error's code; None where the collection is gone.
        message: the error in a sentence.
        correlation_id: of the message that wanted the deletion.
    """
    columns: dict[str, Any] = {
        "deleting_operation": "",
        "deletion_error_code": code or "",
        "deletion_error_message": message or "",
        "deletion_correlation_id": correlation_id or "",
    }
    # What was known of the collection that is gone counts no more.
    return columns if code else {**columns, "deleted_at": now, "creating_operation": "", "fingerprints": "{}"}
