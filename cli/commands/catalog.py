"""`geocatalog search`, `download` and `delete`: what GeoCatalog holds."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import (
    BboxOption,
    CollectionsOption,
    DatetimeOption,
    FilterOption,
    IdsOption,
    JsonOption,
    NoWaitOption,
    TimeoutOption,
    YesOption,
    listed,
)
from cli.output.faults import usage_error
from cli.recover.id_files import read_ids

CollectionArgument = Annotated[str, typer.Argument(metavar="COLLECTION", help="Id of the collection.")]
ItemsArgument = Annotated[list[str] | None, typer.Argument(metavar="ITEM", help="Ids of items.", show_default=False)]

# Deletions take seconds each in GeoCatalog, and a collection some minutes.
_DELETION_SECONDS = 600.0


def search(
    *,
    collections: CollectionsOption = None,
    ids: IdsOption = None,
    bbox: BboxOption = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    limit: Annotated[int, typer.Option(help="The most items; 0 for all.", min=0)] = 100,
    sign: Annotated[bool, typer.Option("--sign", help="With signed asset hrefs, ready to download.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Search the GeoCatalog.

    Example: geocatalog search --collections mine --bbox -22.46,63.83,-22.39,63.89 --datetime 2024-02-04/..
    """
    from cli.catalog.commands import run_search  # noqa: PLC0415 - slow to import
    from cli.send.search_query import Query  # noqa: PLC0415

    query = Query(tuple(listed(collections)), tuple(listed(ids)), bbox, datetime, filter_)
    run_search(query, limit=limit, sign=sign, as_json=as_json)


def download(
    collection: CollectionArgument,
    items: ItemsArgument = None,
    *,
    assets: Annotated[
        list[str] | None, typer.Option(help="Keys of assets, by comma or repeated; default: all.", metavar="KEYS")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="Folder the files go to, one folder per item.")] = Path(),
    bbox: BboxOption = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    limit: Annotated[int, typer.Option(help="The most items; 0 for all.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Download asset files of items through signed hrefs, several at once.

    A file that is there already in the right size is left alone, so an interrupted download is simply run again.

    Example: geocatalog download mine S2A_MSIL2A_20240204T130331 --assets B09 --to scenes
    """
    from cli.catalog.commands import run_download  # noqa: PLC0415 - slow to import
    from cli.send.search_query import Query  # noqa: PLC0415

    query = Query((collection,), tuple(items or ()), bbox, datetime, filter_)
    run_download(query, set(listed(assets)), to, limit=limit, as_json=as_json)


def delete(
    collection: CollectionArgument,
    items: ItemsArgument = None,
    *,
    ids_from: Annotated[
        Path | None, typer.Option(help="File with one item id a line; - for standard input.", metavar="FILE")
    ] = None,
    bbox: BboxOption = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    all_items: Annotated[bool, typer.Option("--all-items", help="Every item of the collection.")] = False,
    confirm: Annotated[
        str | None,
        typer.Option(help="Repeat the collection's id to delete it as a whole, with all its items.", metavar="ID"),
    ] = None,
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = _DELETION_SECONDS,
    as_json: JsonOption = False,
) -> None:
    """Delete items, or with --confirm a whole collection; says how many first.

    Items are chosen by id, by a file of ids, by --bbox, --datetime and --filter, or with --all-items.

    Example: geocatalog delete mine S2A_MSIL2A_20240204T130331

    Example: geocatalog delete mine --datetime ../2020-01-01 --yes

    Example: geocatalog delete mine --confirm mine
    """
    is_search = bool(all_items or bbox or datetime or filter_)
    ids = [*(items or []), *(read_ids(ids_from) if ids_from else [])]
    if confirm is not None:
        if ids or is_search:
            raise usage_error("--confirm deletes the whole collection; leave the items out, or leave it out.")
        if confirm != collection:
            raise usage_error(f"--confirm must repeat the id of the collection, {collection}; nothing was deleted.")
        from cli.catalog.commands import run_delete_collection  # noqa: PLC0415 - slow to import

        run_delete_collection(collection, waits=not no_wait, seconds=timeout, as_json=as_json)
        return
    if ids and is_search:
        raise usage_error("Choose items either by id or by search, not both.")
    if not ids and not is_search and ids_from is None:
        raise usage_error(
            "Say which items: by id, --ids-from, --bbox, --datetime, --filter or --all-items; or delete the whole "
            f"collection with --confirm {collection}."
        )
    from cli.catalog.commands import run_delete  # noqa: PLC0415 - slow to import
    from cli.send.search_query import Query  # noqa: PLC0415

    query = Query((collection,), (), bbox, datetime, filter_)
    run_delete(
        collection, ids, all_items=all_items, query=query, yes=yes, waits=not no_wait, seconds=timeout, as_json=as_json
    )
