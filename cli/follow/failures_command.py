"""`geocatalog failures`: everything that needs attention, grouped, or each item by itself, with what to do."""

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

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
from cli.follow.trouble import Group, TroubleKind, read_groups
from cli.options.common import CollectionsArgument, JsonOption
from cli.output.printing import in_words, note, say, write_json
from cli.settings.connection import connect
from shared.clients import Clients
from shared.records.status_rows import ItemStatus


def failures(
    collections: CollectionsArgument = None,
    *,
    error_code: CodeOption = None,
    correlation_id: MarkOption = None,
    newer_than: NewerOption = None,
    each: Annotated[bool, typer.Option("--each", help="List each item and dead letter by itself.")] = False,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """Show what failed, is held or waits, refused parts of collections and dead letters, each with what to do.

    Grouped by error code and collection, with the number, the oldest, tries and the next one. --each lists items and
    dead letters by themselves, canceled items too; --correlation-id does so in any case. Dead letters are tied to no
    collection: where one is named, they are left out.

    Example: geocatalog failures

    Example: geocatalog failures mine --newer-than 1d --each
    """
    states = (*REPLAYABLE_STATES, ItemStatus.WAITING) if each else REPLAYABLE_STATES
    wanted = make_filter(
        collections, states, error_code=error_code, correlation_id=correlation_id, newer_than=newer_than
    )
    app = connect(needs_geocatalog=False)
    # The indexes hold no marks, so with one each row is read.
    groups = [] if correlation_id else read_groups(wanted, app)
    pause = app.pause.remaining()
    is_grouped = not (each or correlation_id or as_json)
    if is_grouped:
        _tell_groups(groups, pause, app.now())
        if wanted.collections:
            _note_left_out(sum(1 for _ in _found_letters(wanted, app)), "are tied to no collection", "a collection")
        return
    failed, found = find_items(wanted, app), _letters(wanted, app)
    items = [item_fields(row) for row in itertools.islice(failed, limit or None)]
    letters = [deadletter_fields(row) for row in itertools.islice(found, limit or None)]
    is_more = next(failed, None) is not None or next(found, None) is not None
    if as_json:
        for item in items:
            item["remedy"] = _remedy(item)
        seconds = round(pause.total_seconds()) or None
        listed = [group.fields() for group in groups]
        write_json({"groups": listed, "pause_seconds_left": seconds, "items": items, "deadletters": letters})
    else:
        _tell_failures(items, letters)
    if is_more:
        note(f"Only the first {limit} items and dead letters are shown; --limit 0 shows all.")


def _tell_groups(groups: list[Group], pause: dt.timedelta, now: dt.datetime) -> None:
    if pause:
        say(f"GeoCatalog asked to wait: nothing is sent to it for {in_words(pause)}.")
    if not groups:
        say("Nothing has failed, and nothing waits.")
    for group in groups:
        where = group.collection or f"queue {group.queue}"
        say(f"{group.count:,} {_KINDS[group.kind]} in {where}: {group.error_code or 'waiting for their turn'}")
        if group.message:
            say(f"  {group.message}")
        facts = [f"such as {group.example}"]
        if group.oldest:
            facts.append(f"oldest {in_words(now - group.oldest)} ago")
        if group.attempts:
            facts.append(f"up to {group.attempts} tries")
        if group.next_attempt:
            facts.append(f"next try {_when(group.next_attempt - now)}")
        say(f"  {', '.join(facts)}")
        if group.remedy:
            say(f"  What to do: {group.remedy}")
    if groups:
        note("--each lists single items.")


def _when(wait: dt.timedelta) -> str:
    return f"in {in_words(wait)}" if wait > dt.timedelta(0) else "now"


_KINDS = {
    TroubleKind.FAILED: "Failed",
    TroubleKind.HELD: "Held",
    TroubleKind.WAITING: "Waiting",
    TroubleKind.REFUSED_PART: "refused part(s)",
    TroubleKind.DEAD_LETTER: "dead letter(s)",
}


def _remedy(item: dict[str, Any]) -> str:
    return remedy(item["error_code"], is_final=item["status"] == ItemStatus.FAILED)


def _tell_failures(items: list[dict[str, Any]], letters: list[dict[str, Any]]) -> None:
    if not items and not letters:
        say("Nothing has failed.")
    for item in items:
        verb = "was canceled" if item["status"] == ItemStatus.CANCELED else f"is {item['status']}"
        say(f"{item['collection']}/{item['id']} {verb}: {item['error_code'] or ''}")
        say(f"  {item['error_message'] or ''}")
        say(f"  What to do: {_remedy(item)}")
    for letter in letters:
        say(
            f"Dead letter of queue {letter['queue']} (seen {letter['count']} times, key {letter['key'][:12]}): "
            f"{letter['error_code']}"
        )
        say(f"  {letter['reason']}")
        say(f"  What to do: {remedy(letter['error_code'])}")


def _letters(wanted: ItemFilter, app: Clients) -> Iterator[Mapping[str, Any]]:
    """Finds the dead letters of a filter of items, and says how many may belong to it and cannot be told."""
    found = _found_letters(wanted, app)
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


def _found_letters(wanted: ItemFilter, app: Clients) -> Iterator[Mapping[str, Any]]:
    letters = LetterFilter(error_code=wanted.error_code, newer_than=wanted.newer_than, older_than=wanted.older_than)
    return find_letters(letters, app, with_bodies=bool(wanted.correlation_id))


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
