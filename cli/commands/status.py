"""`geocatalog status` and `watch`: how the ingestion stands."""

from typing import Annotated

import typer

from cli.commands.options import JsonOption, listed

CollectionOption = Annotated[
    list[str] | None,
    typer.Option("--collection", "-c", help="Only these collections, by comma or repeated.", metavar="IDS"),
]
MarkOption = Annotated[str | None, typer.Option("--correlation-id", help="Only what carries this mark.")]


def status(*, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Show counts by collection and state, open operations, queues, dead letters and sources.

    Example: geocatalog status

    Example: geocatalog status --json
    """
    from cli.connection import connect  # noqa: PLC0415 - slow to import
    from cli.follow.status import show_status  # noqa: PLC0415

    show_status(connect(needs_geocatalog=False), listed(collection), as_json=as_json)


def watch(
    *,
    collection: CollectionOption = None,
    correlation_id: MarkOption = None,
    until: Annotated[
        str,
        typer.Option(help="done, submitted (nothing queued), never, a duration (10m) or a timestamp.", metavar="WHEN"),
    ] = "done",
    as_json: JsonOption = False,
) -> None:
    """Show the counts live, with rate and time left, until nothing is queued or open.

    Ends with 1 if an item failed or was canceled meanwhile, if a message with the mark of --correlation-id was
    rejected, if items are held for an operator, or if it is not done by the time that --until gives.

    Example: geocatalog watch --collection mine --until 30m
    """
    from cli.follow.until import parse_until  # noqa: PLC0415 - slow to import

    ends = parse_until(until)

    from cli.connection import connect  # noqa: PLC0415
    from cli.follow.watch import watch as run  # noqa: PLC0415

    app = connect(needs_geocatalog=False)
    run(app, collections=listed(collection), correlation_id=correlation_id, until=ends, as_json=as_json)
