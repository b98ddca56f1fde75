"""`geocatalog items`, `show`, `failures`, `replay` and `resume`: what became of items."""

from typing import Annotated

import typer

from cli.commands.options import JsonOption, listed
from cli.output.faults import usage_error

# The states of shared.records.status_rows.ItemStatus, which is slow to import; a test holds them against each other.
STATES = ("Submitting", "Submitted", "Waiting", "Held", "Succeeded", "Failed", "Canceled", "Deleted")
REPLAYABLE_STATES = ("Failed", "Canceled", "Held")

StateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help=f"Only in this state, by comma or repeated: {', '.join(STATES)}.",
        metavar="STATES",
        autocompletion=lambda: list(STATES),
    ),
]
ReplayStateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help=f"By comma or repeated: {', '.join(REPLAYABLE_STATES)}. Default: Failed.",
        metavar="STATES",
        autocompletion=lambda: list(REPLAYABLE_STATES),
    ),
]

CollectionsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="COLLECTION", help="Default: all.", show_default=False)
]
CodeOption = Annotated[str | None, typer.Option("--error-code", help="Only with this error code.", metavar="CODE")]
MarkOption = Annotated[str | None, typer.Option("--correlation-id", help="Only what carries this mark.")]
OlderOption = Annotated[
    str | None, typer.Option("--older-than", help="Only what changed last before (2h, 7d, a timestamp).", metavar="AGE")
]
NewerOption = Annotated[
    str | None, typer.Option("--newer-than", help="Only what changed last since (2h, 7d, a timestamp).", metavar="AGE")
]
LimitOption = Annotated[int, typer.Option("--limit", help="The most to show; 0 for all.", min=0)]


def items(
    collections: CollectionsArgument = None,
    *,
    state: StateOption = None,
    error_code: CodeOption = None,
    correlation_id: MarkOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    limit: LimitOption = 100,
    offset: Annotated[int, typer.Option(help="How many to pass over first.", min=0)] = 0,
    geojson: Annotated[bool, typer.Option("--geojson", help="Print GeoJSON, for a map.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List items with their state, newest state of each.

    Example: geocatalog items mine --state Failed --state Held

    Example: geocatalog items mine --geojson --limit 0 > items.geojson
    """
    from cli.connection import connect  # noqa: PLC0415 - slow to import
    from cli.follow.listing import list_items  # noqa: PLC0415
    from cli.rows.item_filter import make_filter  # noqa: PLC0415

    wanted = make_filter(
        collections,
        listed(state),
        error_code=error_code,
        correlation_id=correlation_id,
        older_than=older_than,
        newer_than=newer_than,
    )
    app = connect(needs_geocatalog=False)
    list_items(wanted, app, limit=limit, offset=offset, as_json=as_json, as_geojson=geojson)


def show(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="Id of the collection.")],
    item: Annotated[
        str | None, typer.Argument(metavar="[ITEM]", help="Id of the item; without it, the collection itself.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Tell one item's whole story, or what became of a collection's configuration.

    Of an item: state, history, operation, error and what to do. Of a collection: what was applied, and what was refused
    and why.

    Example: geocatalog show mine S2A_MSIL2A_20240204T130331

    Example: geocatalog show mine
    """
    from cli.connection import connect, has_geocatalog  # noqa: PLC0415 - slow to import

    app = connect(needs_geocatalog=False)
    if item is None:
        from cli.collections.story import show_collection  # noqa: PLC0415

        show_collection(collection, app, as_json=as_json)
        return
    from cli.follow.story import show_item  # noqa: PLC0415

    show_item(collection, item, app, asks_geocatalog=has_geocatalog(), as_json=as_json)


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
    from cli.connection import connect  # noqa: PLC0415 - slow to import
    from cli.follow.listing import list_failures  # noqa: PLC0415
    from cli.rows.item_filter import make_filter  # noqa: PLC0415

    wanted = make_filter(
        collections,
        REPLAYABLE_STATES,
        error_code=error_code,
        correlation_id=correlation_id,
        newer_than=newer_than,
    )
    list_failures(wanted, connect(needs_geocatalog=False), limit=limit, as_json=as_json)


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
    from cli.recover.replay_commands import run_replay, run_replay_deadletters  # noqa: PLC0415
    from cli.rows.item_filter import make_filter  # noqa: PLC0415 - slow to import
    from cli.rows.letters import make_letter_filter  # noqa: PLC0415

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
        run_replay_deadletters(letters, dry_run=dry_run, as_json=as_json)
        return
    if queue:
        raise usage_error("--queue belongs to --dead-letters; items are chosen by their collection.")
    wanted = make_filter(
        collections,
        listed(state) or ["Failed"],
        known=REPLAYABLE_STATES,
        error_code=error_code,
        correlation_id=correlation_id,
        older_than=older_than,
        newer_than=newer_than,
        ids=listed(item),
    )
    run_replay(wanted, dry_run=dry_run, as_json=as_json)


def resume(collections: CollectionsArgument = None, *, as_json: JsonOption = False) -> None:
    """Try held items again at once, after what held them has been mended.

    Example: geocatalog resume mine
    """
    from cli.recover.replay_commands import run_resume  # noqa: PLC0415 - slow to import

    run_resume(listed(collections), as_json=as_json)
