"""`geocatalog failures`: failed, canceled and held items and dead letters, each with what to do."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from cli.explain.error_catalog import remedy
from cli.follow.dead_letters import LetterFilter, find_letters, mark_of
from cli.follow.item_filter import (
    REPLAYABLE_STATES,
    CodeOption,
    LimitOption,
    MarkOption,
    NewerOption,
    make_filter,
)
from cli.follow.item_rows import ItemFilter, find_items, item_fields
from cli.options.common import CollectionsArgument, JsonOption
from cli.output.printing import note, say, write_json
from cli.settings.connection import connect
from shared.clients import Clients
from shared.records.status_rows import ItemStatus


def failures(
    collections: CollectionsArgument = None,
    *,
    error_code: CodeOption = None,
    correlation_id: MarkOption = None,
    newer_than: NewerOption = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """List failed, canceled and held items and dead letters, each with what to do.

    Dead letters are tied to no collection: where one is named, they are left out.

    Example: geocatalog failures mine --newer-than 1d
    """
    wanted = make_filter(
        collections,
        REPLAYABLE_STATES,
        error_code=error_code,
        correlation_id=correlation_id,
        newer_than=newer_than,
    )
    app = connect(needs_geocatalog=False)
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
