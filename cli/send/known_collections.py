"""Whether GeoCatalog has a collection, as far as whoever sends can tell."""

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

from shared.basics.errors import IngestionError

if TYPE_CHECKING:
    from shared.clients import Clients


def is_known(collection: str, app: "Clients | None") -> bool:
    """Tells whether GeoCatalog has a collection; where it cannot be asked, it is taken to have it.

    Args:
        collection: id of the collection.
        app: the clients; None for a dry run.
    """
    if app is None or _was_created(collection, app):
        return True
    if not os.environ.get("GEOCATALOG_URL"):
        return True  # a producer without access to GeoCatalog cannot ask
    try:
        return app.geocatalog.get_collection(collection) is not None
    except IngestionError:
        return True


def _was_created(collection: str, app: "Clients") -> bool:
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415 - slow to import, and a dry run does without

    try:
        return bool(app.status.get_collection(collection).get("created_at"))
    except HttpResponseError as error:
        if error.status_code != HTTPStatus.FORBIDDEN:
            raise
        return False  # a producer's login may send, and need not read the table
