"""`geocatalog show`: one item's whole story."""

import json
from collections.abc import Mapping
from typing import Any

from cli.explain.error_catalog import find_explanation
from cli.follow.item_rows import item_fields
from cli.output.faults import CommandError
from cli.output.printing import print_table, say, write_json
from shared.basics.errors import IngestionError
from shared.clients import Clients
from shared.records.collection_rows import collection_born, is_current
from shared.records.status_rows import ITEM_PREFIX
from shared.stac.ids import check_collection_id, check_item_id


def show_item(collection: str, item_id: str, app: Clients, *, asks_geocatalog: bool, as_json: bool) -> None:
    """Prints the story of one item: state, history, operation, error and what to do.

    Args:
        collection: id of the collection.
        item_id: id of the item.
        app: the clients.
        asks_geocatalog: whether GeoCatalog is asked for the operation too.
        as_json: whether to print JSON.

    Raises:
        CommandError: nothing is known of the item.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    row = app.status.read(check_collection_id(collection), ITEM_PREFIX + check_item_id(item_id))
    if row is None:
        raise CommandError(
            f"Nothing is known of item {item_id} of collection {collection}: no message for it has been handled. "
            "Check the ids, or look at the queues with `geocatalog status`."
        )
    story = _story(row, app, asks_geocatalog=asks_geocatalog)
    if as_json:
        write_json(story)
        return
    _tell(story)


def _story(row: Mapping[str, Any], app: Clients, *, asks_geocatalog: bool) -> dict[str, Any]:
    fields = item_fields(row)
    explanation = find_explanation(fields["error_code"])
    born = collection_born(app.status.get_collection(fields["collection"]))
    return {
        **fields,
        "history": json.loads(row.get("history") or "[]"),
        "conversions": json.loads(row.get("conversions") or "[]"),
        "of_deleted_collection": not is_current(row, born),
        "meaning": explanation.meaning if explanation else None,
        "remedy": explanation.remedy if explanation else None,
        "operation": _operation(fields["operation_id"], app) if asks_geocatalog else None,
    }


def _operation(operation_id: str | None, app: Clients) -> dict[str, Any] | None:
    if not operation_id:
        return None
    try:
        return app.geocatalog.get_operation(operation_id)
    except IngestionError:
        return None  # the story is told without it; `geocatalog doctor` says what is wrong


def _tell(story: dict[str, Any]) -> None:
    say(f"{story['collection']}/{story['id']}: {story['status']}")
    if story["of_deleted_collection"]:
        say("It belongs to an earlier collection of this id, which has been deleted since.")
    if story["error_code"]:
        say(f"{story['error_code']}: {story['error_message'] or ''}")
    if story["meaning"]:
        say(f"What it means: {story['meaning']}")
        say(f"What to do:    {story['remedy']}")
    shown = ("in_catalog", "attempt", "operation_id", "first_enqueued", "submitted_at", "finished_at", "next_attempt")
    rows = [[name.replace("_", " "), story[name]] for name in (*shown, "datetime", "bbox", "correlation_id")]
    print_table(["", ""], [row for row in rows if row[1] is not None])
    for sentence in story["conversions"]:
        say(f"Converted: {sentence}")
    if story["history"]:
        history = [[entry.get("at"), entry.get("status"), entry.get("error_code")] for entry in story["history"]]
        print_table(["When", "Status", "Error"], history)
    operation = story["operation"]
    if operation:
        say(f"GeoCatalog says of operation {operation.get('id')} ({operation.get('type')}): {operation.get('status')}")
