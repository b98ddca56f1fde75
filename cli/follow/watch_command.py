"""`geocatalog watch`: the counts, live, until nothing is queued or open."""

from typing import Annotated

import typer

from cli.follow.item_filter import MarkOption
from cli.follow.watching.until import parse_until
from cli.follow.watching.watch import watch as follow
from cli.options.common import CollectionOption, JsonOption, listed
from cli.settings.connection import connect


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
    ends = parse_until(until)
    app = connect(needs_geocatalog=False)
    follow(app, collections=listed(collection), correlation_id=correlation_id, until=ends, as_json=as_json)
