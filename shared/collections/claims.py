"""Who may configure a collection now: one message at a time, and none while its id is not free."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.basics.errors import NotYet, Unavailable
from shared.clients import Clients
from shared.records.status_store import StatusStore
from shared.storage.group_commit import Conflict

# An id can be used again this long after its collection was deleted
# (learn.microsoft.com/azure/planetary-computer/create-stac-collection).
_ID_FREE_AFTER = timedelta(seconds=45)


def check_id_is_free(collection: str, app: Clients) -> None:
    """Sends the message back while a collection of this id is being deleted, or has been a moment ago.

    Raises:
        Unavailable: it is.
    """
    row = app.status.get_collection(collection)
    check_no_deletion(row, app.status)
    deleted_at = row.get("deleted_at")
    remaining = deleted_at + _ID_FREE_AFTER * app.settings.time_scale - app.now() if deleted_at else timedelta(0)
    if remaining > timedelta(0):
        raise NotYet(f"Collection {collection} was deleted a moment ago.", retry_after=remaining)


def check_no_deletion(row: Mapping[str, Any], status: StatusStore) -> None:
    """Sends the message back while a collection is being deleted, unless that has stalled.

    Args:
        row: the collection's own row.
        status: table `status`.

    Raises:
        Unavailable: it is.
    """
    deleting = row.get("deleting_operation")
    collection = str(row.get("PartitionKey"))
    operation = status.get_operation(collection, str(deleting)) if deleting else None
    if operation and not operation.stalled:
        raise Unavailable(f"Collection {collection} is being deleted; what the message wants is done after that.")


def claim_collection(collection: str, app: Clients) -> str:
    """Claims the collection's row for the length of a function, so that two messages do not write at once.

    Returns:
        The name of the claim, to release it.

    Raises:
        Unavailable: another message has claimed it.
    """
    row = app.status.get_collection(collection)
    now = app.now()
    claimed_until = row.get("claimed_until")
    if claimed_until and claimed_until > now:
        raise Unavailable(f"Collection {collection} is being configured by another message.")
    etag = str(getattr(row, "metadata", {}).get("etag", "")) if row else ""
    owner = uuid.uuid4().hex
    try:
        app.status.merge_collection(
            collection, {"claimed_until": now + app.timings.claim, "claimed_by": owner}, etag=etag
        )
    except Conflict:
        if app.status.get_collection(collection).get("claimed_by") == owner:
            return owner  # the write was ours, repeated by the SDK after a lost answer
        raise Unavailable(f"Collection {collection} is being configured by another message.") from None
    return owner


def release_collection(collection: str, owner: str, app: Clients) -> None:
    """Ends a claim, if it still stands."""
    if app.status.get_collection(collection).get("claimed_by") == owner:
        app.status.merge_collection(collection, {"claimed_until": app.now()})
