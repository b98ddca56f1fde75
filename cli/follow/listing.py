"""`geocatalog items` and `failures`: rows of items, and dead letters."""

import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from cli.doctor.error_catalog import remedy
from cli.output.printing import note, print_table, say, write_json
from cli.rows.items import ItemFilter, find_items, item_feature, item_fields, item_id_of, last_change
from cli.rows.letters import LetterFilter, find_letters, mark_of
from shared.clients import Clients
from shared.records.status_rows import ItemStatus


def list_items(wanted: ItemFilter, app: Clients, *, limit: int, offset: int, as_json: bool, as_geojson: bool) -> None:
    """Prints the rows of items.

    Args:
        wanted: which items.
        app: the clients.
        limit: the most to print; 0 for all.
        offset: how many to pass over first.
        as_json: whether to print a JSON document.
        as_geojson: whether to print a GeoJSON FeatureCollection.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    found = itertools.islice(find_items(wanted, app), offset, None)
    page = itertools.islice(found, limit) if limit else found
    if as_geojson:
        _write_features(page)
        return
    if as_json:
        items = [item_fields(row) for row in page]
        is_more = next(found, None) is not None
        write_json({"items": items, "next_offset": offset + len(items) if is_more else None})
        return
    rows = list(page)
    if not rows:
        note("There are no such items.")
        return
    print_table(
        ["Collection", "Item", "Status", "Changed", "Error", "Message"],
        [
            [
                row["PartitionKey"], item_id_of(row), row["status"], last_change(row),
                row.get("error_code") or None, row.get("error_message") or None,
            ]
            for row in rows
        ],
    )  # fmt: skip
    if next(found, None) is not None:
        note(f"There are more; go on with --offset {offset + len(rows)}, or take all with --limit 0.")


def _write_features(rows: Iterator[Mapping[str, Any]]) -> None:
    sys.stdout.write('{"type": "FeatureCollection", "features": [')
    for number, row in enumerate(rows):
        sys.stdout.write(("," if number else "") + "\n" + json.dumps(item_feature(row), default=_plain))
    sys.stdout.write("\n]}\n")


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def list_failures(wanted: ItemFilter, app: Clients, *, limit: int, as_json: bool) -> None:
    """Prints failed and held items and dead letters, each with what to do.

    Args:
        wanted: which items; dead letters of the same code, mark and age are listed too.
        app: the clients.
        limit: the most items, and the most dead letters, to print; 0 for all.
        as_json: whether to print a JSON document.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    failed, found = find_items(wanted, app), _letters(wanted, app)
    items = [item_fields(row) for row in itertools.islice(failed, limit or None)]
    letters = [deadletter_fields(row) for row in itertools.islice(found, limit or None)]
    is_more = next(failed, None) is not None or next(found, None) is not None
    if as_json:
        for item in items:
            item["remedy"] = remedy(item["error_code"])
        write_json({"items": items, "deadletters": letters})
    else:
        _tell_failures(items, letters)
    if is_more:
        note(f"Only the first {limit} items and dead letters are shown; --limit 0 shows all.")


def _tell_failures(items: list[dict[str, Any]], letters: list[dict[str, Any]]) -> None:
    if not items and not letters:
        say("Nothing has failed.")
    for item in items:
        verb = "was canceled" if item["status"] == ItemStatus.CANCELED else f"is {item['status']}"
        say(f"{item['collection']}/{item['id']} {verb}: {item['error_code'] or ''}")
        say(f"  {item['error_message'] or ''}")
        say(f"  What to do: {remedy(item['error_code'])}")
    for letter in letters:
        say(
            f"Dead letter of queue {letter['queue']} (seen {letter['count']} times, key {letter['key'][:12]}): "
            f"{letter['error_code']}"
        )
        say(f"  {letter['reason']}")
        say(f"  What to do: {remedy(letter['error_code'])}")


def _letters(wanted: ItemFilter, app: Clients) -> Iterator[Mapping[str, Any]]:
    """Finds the dead letters of a filter of items, and says how many may belong to it and cannot be told."""
    letters = LetterFilter(error_code=wanted.error_code, newer_than=wanted.newer_than, older_than=wanted.older_than)
    found = find_letters(letters, app, with_bodies=bool(wanted.correlation_id))
    if wanted.collections:
        _note_left_out(sum(1 for _ in found), "are tied to no collection", "a collection")
        return
    unmarked = 0
    for row in found:
        mark = mark_of(row) if wanted.correlation_id else None
        if mark == wanted.correlation_id:
            yield row
        elif mark is None:
            unmarked += 1
    _note_left_out(unmarked, "carry no mark", "--correlation-id")


def _note_left_out(count: int, why: str, option: str) -> None:
    if count:
        note(f"{count:,} dead letters {why} and are left out; geocatalog failures without {option} lists them.")


def deadletter_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a dead letter as JSON types, without its body."""
    return {
        "queue": str(row["PartitionKey"]),
        "key": str(row["RowKey"]),
        "error_code": str(row.get("error_code") or ""),
        "reason": str(row.get("reason") or ""),
        "remedy": remedy(str(row.get("error_code") or "")),
        "count": int(row.get("count") or 1),
        "first_seen": row.get("first_seen"),
        "last_seen": row.get("last_seen"),
    }
