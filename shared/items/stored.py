"""Reads of GeoCatalog when it last stored an item, which tells whether a write without an answer was done."""

from datetime import datetime
from typing import Any

from shared.basics.clock import parse_timestamp
from shared.services.geocatalog import GeoCatalog


def was_stored_since(collection: str, item_id: str, moment: datetime, geocatalog: GeoCatalog) -> bool:
    """Tells whether GeoCatalog holds an item and stored it at a moment or after it.

    Raises:
        IngestionError: GeoCatalog did not answer, or not as it should.
    """
    item = geocatalog.get_item(collection, item_id)
    stored_at = stored_moment(item) if item else None
    return stored_at is not None and stored_at >= moment


def stored_moment(item: dict[str, Any]) -> datetime | None:
    """Reads when GeoCatalog last stored an item, from the `_msft:ts` it adds."""
    properties = item.get("properties")
    nested = properties.get("_msft:ts") if isinstance(properties, dict) else None
    value = item.get("_msft:ts") or nested
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, tz=parse_timestamp("1970-01-01").tzinfo)
        return parse_timestamp(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
