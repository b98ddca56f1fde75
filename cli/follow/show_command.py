"""`geocatalog show`: one item's whole story, or what became of a collection's configuration."""

from typing import Annotated

import typer

from cli.follow.collection_story import show_collection
from cli.follow.item_story import show_item
from cli.options.common import CollectionArgument, JsonOption
from cli.settings.connection import connect, has_geocatalog


def show(
    collection: CollectionArgument,
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
    app = connect(needs_geocatalog=False)
    if item is None:
        show_collection(collection, app, as_json=as_json)
    else:
        show_item(collection, item, app, asks_geocatalog=has_geocatalog(), as_json=as_json)
