"""Whether GeoCatalog has a collection, as far as whoever sends can tell."""

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

from shared.basics.errors import IngestionError

if TYPE_CHECKING:
    from shared.clients import Clients


def is_known(collection: str, app: "Clients | None") -> bool:
    """Tell whether GeoCatalog has a collection; where it cannot be asked, it is taken to have it.

    Args:
        collection: id of the collection.
        app: the clients; None for a dry run.
    """
    return exists(collection, app) is not False


def exists(collection: str, app: "Clients | None") -> bool | None:
    """Tell whether GeoCatalog has a collection.

    Args:
        collection: id of the collection.
        app: the clients; None for a dry run.

    Returns:
        None where it cannot be told from here.
    """
    if app is None:
        return None
    if os.environ.get("GEOCATALOG_URL"):  # a producer without access to GeoCatalog cannot ask
        try:
            return app.geocatalog.get_collection(collection) is not None
        except IngestionError:
            pass  # the table may tell
    return _was_created(collection, app) or None


def _was_created(collection: str, app: "Clients") -> bool:
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415 - slow to import, and a dry run does without

    try:
        row = app.status.get_collection(collection)
    except HttpResponseError as error:
        if error.status_code != HTTPStatus.FORBIDDEN:
            raise
        return False  # a producer's login may send, and need not read the table
    created_at, deleted_at = row.get("created_at"), row.get("deleted_at")
    return bool(created_at and not (deleted_at and deleted_at > created_at))
