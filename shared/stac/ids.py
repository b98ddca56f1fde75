"""The rules for collection and item ids, checked before an id reaches a URL or a table key."""

import re

from shared.basics.errors import BadMessage, ErrorCode

# GeoCatalog: A-Z a-z 0-9 - _ + , ( ) . and under 150 characters
# (learn.microsoft.com/azure/planetary-computer/troubleshooting-ingestion).
_ITEM_ID = re.compile(r"[A-Za-z0-9\-_+,().]{1,149}", re.ASCII)
# GeoCatalog: A-Z a-z 0-9 - _ . for collections (same page); the path parameter ends at 500 characters.
_COLLECTION_ID = re.compile(r"[A-Za-z0-9\-_.]{1,500}", re.ASCII)
_PATH_SEGMENTS = frozenset({".", ".."})


def check_item_id(item_id: object) -> str:
    """Returns the item id if GeoCatalog takes it.

    Raises:
        BadMessage: it is not text, is empty or too long, or holds a character GeoCatalog does not take.
    """
    if isinstance(item_id, str) and _ITEM_ID.fullmatch(item_id) and item_id not in _PATH_SEGMENTS:
        return item_id
    raise _refusal("item", item_id, "1 to 149 of A-Z a-z 0-9 - _ + , ( ) .")


def check_collection_id(collection_id: object) -> str:
    """Returns the collection id if GeoCatalog takes it.

    Raises:
        BadMessage: it is not text, is empty or too long, or holds a character GeoCatalog does not take.
    """
    if (
        isinstance(collection_id, str)
        and _COLLECTION_ID.fullmatch(collection_id)
        and collection_id not in _PATH_SEGMENTS
    ):
        return collection_id
    raise _refusal("collection", collection_id, "A-Z a-z 0-9 - _ . only.")


def _refusal(of: str, value: object, rule: str) -> BadMessage:
    if value is None:
        return BadMessage(f"There is no {of} id: give one, of {rule}", code=ErrorCode.BAD_ID)
    return BadMessage(f"The {of} id {_shown(value)} is not one GeoCatalog takes: use {rule}", code=ErrorCode.BAD_ID)


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    # Ascii, so that look-alike letters show themselves; short, so that a body cannot hide in an id.
    return ascii(value[:80]) + ("…" if len(value) > 80 else "")  # noqa: PLR2004 - a length to read at a glance
