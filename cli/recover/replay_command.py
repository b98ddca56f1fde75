"""`geocatalog replay`: sends failed or canceled items, or dead letters, once more."""

from collections import Counter
from typing import Annotated

import typer

from cli.follow.dead_letters import make_letter_filter
from cli.follow.item_filter import (
    REPLAYABLE_STATES,
    CodeOption,
    MarkOption,
    NewerOption,
    OlderOption,
    ReplayStateOption,
    make_filter,
)
from cli.options.common import CollectionsArgument, JsonOption, listed
from cli.output.faults import ExitCode, usage_error
from cli.output.printing import Bar, note, say, write_json
from cli.recover.replaying import DeadLettersToReplay, ItemsToReplay, Replayable, Replayed
from cli.recover.replaying import replay as send_all
from cli.settings.connection import connect


def replay(
    collections: CollectionsArgument = None,
    *,
    item: Annotated[
        list[str] | None, typer.Option("--item", help="Only these items, by comma or repeated.", metavar="IDS")
    ] = None,
    state: ReplayStateOption = None,
    error_code: CodeOption = None,
    correlation_id: MarkOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="Replay dead letters instead of items.")] = False,
    queue: Annotated[str | None, typer.Option(help="Only dead letters of this queue.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, send nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send failed or canceled items once more, each with its original message.

    Dead letters are tied to no collection, item or state: they are chosen by --queue, --error-code, --correlation-id
    and age.

    Example: geocatalog replay mine --error-code IngestionResourceUriNotFound --dry-run

    Example: geocatalog replay --dead-letters --queue items
    """
    if dead_letters:
        if collections or item or state:
            raise usage_error(
                "Dead letters are tied to no collection, item or state; choose them by --queue, --error-code, "
                "--correlation-id, --older-than or --newer-than."
            )
        letters = make_letter_filter(
            queue=queue,
            error_code=error_code,
            correlation_id=correlation_id,
            older_than=older_than,
            newer_than=newer_than,
        )
        wanted: Replayable = DeadLettersToReplay(letters, connect(needs_geocatalog=False))
    else:
        if queue:
            raise usage_error("--queue belongs to --dead-letters; items are chosen by their collection.")
        items = make_filter(
            collections,
            listed(state) or ["Failed"],
            known=REPLAYABLE_STATES,
            error_code=error_code,
            correlation_id=correlation_id,
            older_than=older_than,
            newer_than=newer_than,
            ids=listed(item),
        )
        wanted = ItemsToReplay(items, connect(needs_geocatalog=False))
    with Bar("Looking" if dry_run else "Replaying", unit=wanted.unit) as bar:
        done = send_all(wanted, bar, dry_run=dry_run)
    if as_json:
        write_json(_fields(done, of_letters=dead_letters, dry_run=dry_run))
    else:
        _tell(done, wanted.unit, dry_run=dry_run)
    if done.fault is not None:
        raise done.fault
    if done.unsendable:
        raise typer.Exit(ExitCode.FAILED)


def _fields(done: Replayed, *, of_letters: bool, dry_run: bool) -> dict[str, object]:
    left = (
        {"unsendable": [key for _, key in done.unsendable]}
        if of_letters
        else {"without_message": ["/".join(key) for key in done.unsendable]}
    )
    return {"replayed": done.sent, **left, "dry_run": dry_run, "complete": done.fault is None}


def _tell(done: Replayed, unit: str, *, dry_run: bool) -> None:
    by_code = Counter(one["error_code"] or "no error code" for one in done.sent)
    say(f"{'Would replay' if dry_run else 'Replayed'} {len(done.sent):,} {unit}.")
    for code, count in by_code.most_common():
        say(f"  {count:,} with {code}")
    for place, name in done.unsendable:
        if unit == ItemsToReplay.unit:
            note(f"{place}/{name}: its row keeps no message; enqueue the item again.")
        else:
            note(f"Dead letter {name[:12]} is no JSON object, so it cannot be sent again; its producer must fix it.")
    if done.fault is not None:
        note("It ended early. Run the same command again for the rest.")
