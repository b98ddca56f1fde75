"""`geocatalog download`: asset files of items."""

import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.catalog.downloading import Asset, Fetched, assets_of
from cli.catalog.downloading import download as download_assets
from cli.catalog.search import search_catalog
from cli.options.common import CollectionArgument, ItemsArgument, JsonOption, listed
from cli.options.search import BboxOption, DatetimeOption, FilterOption, Query
from cli.output.faults import CommandError, ExitCode
from cli.output.printing import Bar, note, say, write_json
from cli.settings.connection import connect


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
    query = Query((collection,), tuple(items or ()), bbox, datetime, filter_)
    app = connect(needs_storage=False)
    found = list(search_catalog(query, app.geocatalog, limit=limit or None, sign=True))
    missing = sorted(set(query.ids) - {str(item["id"]) for item in found})
    if not found:
        raise CommandError("GeoCatalog finds no such items, so there is nothing to download; check ids and collection.")
    files = list(assets_of(found, set(listed(assets)), to))
    if not files:
        there = sorted({key for item in found for key in item.get("assets", {})})
        raise CommandError(f"None of the items has such an asset; they have {', '.join(there) or 'none at all'}.")
    fetched = _download_all(files)
    if as_json:
        write_json({"files": [_file_fields(one) for one in fetched], "missing_items": missing})
    else:
        for one in fetched:
            if not one.fault:
                say(f"{one.asset.target}  {one.size:,} bytes" + (" (was there)" if one.was_there else ""))
    faults = [f"{one.asset.item_id} {one.asset.key}: {one.fault}" for one in fetched if one.fault]
    faults += [f"GeoCatalog has no item {item_id} there." for item_id in missing]
    for text in faults:
        note(text)
    if faults:
        raise typer.Exit(ExitCode.FAILED)


def _download_all(assets: list[Asset]) -> list[Fetched]:
    lock = threading.Lock()
    counted = 0
    with Bar(f"Downloading {len(assets):,} files", unit="bytes") as bar:

        def told(size: int) -> None:
            nonlocal counted
            with lock:
                counted += size
                bar.counted(counted)

        return download_assets(assets, told=told)


def _file_fields(one: Fetched) -> dict[str, Any]:
    return {
        "item": one.asset.item_id,
        "asset": one.asset.key,
        "path": str(one.asset.target),
        "size": one.size,
        "was_there": one.was_there,
        "fault": one.fault or None,
    }
