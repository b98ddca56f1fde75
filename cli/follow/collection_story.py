"""`geocatalog show COLLECTION`: what became of a collection's configuration, part by part."""

import json
from typing import Any

from cli.output.faults import CommandError
from cli.output.printing import say, write_json
from shared.clients import Clients
from shared.stac.ids import check_collection_id

_MARKS = {"applied": "+", "unchanged": "=", "refused": "!"}
_COLUMNS = ("created_at", "configured_at", "deleted_at", "correlation_id")


def show_collection(collection: str, app: Clients, *, as_json: bool) -> None:
    """Prints how a collection's last configuration ended: what was applied, what was refused and why.

    Args:
        collection: id of the collection.
        app: the clients.
        as_json: whether to print JSON.

    Raises:
        CommandError: no message has configured or deleted it.
        BadMessage: the id is not one GeoCatalog takes.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    row = app.status.get_collection(check_collection_id(collection))
    if not row:
        raise CommandError(
            f"No message for collection {collection} has been handled; geocatalog apply FILE configures it."
        )
    story: dict[str, Any] = {"collection": collection, **{name: row.get(name) or None for name in _COLUMNS}}
    story["parts"] = json.loads(row.get("applied") or "{}")
    code, said = row.get("deletion_error_code"), row.get("deletion_error_message")
    story["deletion_error"] = f"{code}: {said or ''}" if code else None
    if as_json:
        write_json(story)
        return
    say(f"Collection {collection}")
    tell_parts(story["parts"])
    for name in _COLUMNS:
        if story[name]:
            say(f"{name.replace('_', ' ')}: {story[name]}")
    if story["deletion_error"]:
        say(f"It was to be deleted and was not: {story['deletion_error']}")


def tell_parts(parts: dict[str, dict[str, str]]) -> None:
    """Prints what became of each part of a configuration."""
    for part, record in parts.items():
        state = record.get("state", "")
        detail = f" — {record['detail']}" if record.get("detail") else ""
        say(f"  {_MARKS.get(state, ' ')} {part.replace('_', ' ')}: {state}{detail}")
