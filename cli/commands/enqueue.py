"""`geocatalog enqueue`: sends items to be ingested."""

from typing import Annotated, Literal

import typer

from cli.commands.options import (
    BboxOption,
    CollectionsOption,
    DatetimeOption,
    FilterOption,
    IdsOption,
    JsonOption,
    listed,
)


def enqueue(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, URLs, or - for standard input.", metavar="INPUT", show_default=False),
    ] = None,
    *,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Collection all items go to; default: each its own.")
    ] = None,
    if_exists: Annotated[
        Literal["replace", "skip", "fail"], typer.Option(help="What to do when GeoCatalog holds the item.")
    ] = "replace",
    force: Annotated[bool, typer.Option("--force", help="Ingest even what is there in the same content.")] = False,
    version_by: Annotated[
        str | None, typer.Option(help="Item property that orders versions, such as s2:generation_time.")
    ] = None,
    drop_assets: Annotated[
        list[str] | None, typer.Option(help="Asset keys to leave out, by comma or repeated.", metavar="KEYS")
    ] = None,
    correlation_id: Annotated[
        str | None, typer.Option(help="Mark that results and rows carry; default: a new one.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Landing page of a STAC API whose items are enqueued.", metavar="URL")
    ] = None,
    collections: CollectionsOption = None,
    ids: IdsOption = None,
    bbox: BboxOption = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    max_items: Annotated[int | None, typer.Option(help="Most items to take from the search.", min=1)] = None,
    by_reference: Annotated[
        bool, typer.Option("--by-reference", help="Send URLs as they are, for the app to read.")
    ] = False,
    definition: Annotated[
        bool, typer.Option("--definition", help="Replace the definition of a collection that exists.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing at all if one item is bad.")] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Leave bad items out without failing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, send nothing.")] = False,
    workers: Annotated[int, typer.Option(help="Messages sent at once.", min=1, max=64)] = 16,
    as_json: JsonOption = False,
) -> None:
    """Send STAC items to be ingested.

    Takes Items, ItemCollections, newline-delimited Items, STAC GeoParquet and static catalogs. STAC Collections among
    the files are sent first, unless they exist. Every item is checked before it is sent. Running the same command again
    is harmless: what is ingested in the same content already stays as it is.

    Example: geocatalog enqueue scenes/ --collection mine

    Example: geocatalog enqueue --search https://planetarycomputer.microsoft.com/api/stac/v1 --collections
    sentinel-2-l2a --bbox -22.46,63.83,-22.39,63.89 --datetime 2024-02-04/2024-02-11 --max-items 6 --collection mine
    """
    from cli.send.command import EnqueueArguments, run  # noqa: PLC0415 - slow to import
    from cli.send.enqueue import Wish  # noqa: PLC0415
    from cli.send.search_query import Query  # noqa: PLC0415

    marks = {"correlation_id": correlation_id} if correlation_id else {}
    wish = Wish(
        collection=collection,
        if_exists=if_exists,
        force=force,
        version_by=version_by,
        drop_assets=tuple(listed(drop_assets)),
        by_reference=by_reference,
        strict=strict,
        skip_invalid=skip_invalid,
        dry_run=dry_run,
        definition=definition,
        width=workers,
        **marks,
    )
    query = Query(tuple(listed(collections)), tuple(listed(ids)), bbox, datetime, filter_)
    run(EnqueueArguments(inputs or [], search, query, max_items, as_json=as_json), wish)
