"""Runs `geocatalog search`, `download` and `delete`: what they print, and how they end."""

import sys
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from cli.catalog.downloading import Asset, Fetched, assets_of, download
from cli.catalog.search import search_catalog
from cli.connection import connect
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.output.printing import Bar, note, print_table, say, write_json
from cli.recover.deleting import delete_collection, delete_items
from cli.send.search_query import Query
from shared.clients import Clients


def run_search(query: Query, *, limit: int, sign: bool, as_json: bool) -> None:
    """Prints the items that GeoCatalog finds.

    Raises:
        CommandError: the query is malformed.
        IngestionError: GeoCatalog refused or did not answer.
    """
    app = connect(needs_storage=False)
    items = list(search_catalog(query, app.geocatalog, limit=limit or None, sign=sign))
    if as_json:
        write_json({"type": "FeatureCollection", "features": items})
        return
    if not items:
        note("GeoCatalog finds no items.")
        return
    print_table(
        ["Collection", "Item", "Datetime", "Assets"],
        [[item.get("collection"), item.get("id"), _datetime(item), len(item.get("assets", {}))] for item in items],
    )
    if limit and len(items) == limit:
        note(f"These are the first {limit}; take more with --limit, all with --limit 0.")


def _datetime(item: dict[str, Any]) -> str:
    properties = item.get("properties", {})
    return str(properties.get("datetime") or properties.get("start_datetime") or "")


def run_download(query: Query, wanted: set[str], folder: Path, *, limit: int, as_json: bool) -> None:
    """Downloads assets, and ends with the exit code.

    Raises:
        typer.Exit: a file could not be downloaded.
        CommandError: the query is malformed or finds nothing, or no item has such an asset.
        IngestionError: GeoCatalog refused or did not answer.
    """
    app = connect(needs_storage=False)
    items = list(search_catalog(query, app.geocatalog, limit=limit or None, sign=True))
    missing = sorted(set(query.ids) - {str(item["id"]) for item in items})
    if not items:
        raise CommandError("GeoCatalog finds no such items, so there is nothing to download; check ids and collection.")
    assets = list(assets_of(items, wanted, folder))
    if not assets:
        there = sorted({key for item in items for key in item.get("assets", {})})
        raise CommandError(f"None of the items has such an asset; they have {', '.join(there) or 'none at all'}.")
    fetched = _download_all(assets)
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

        return download(assets, told=told)


def _file_fields(one: Fetched) -> dict[str, Any]:
    return {
        "item": one.asset.item_id,
        "asset": one.asset.key,
        "path": str(one.asset.target),
        "size": one.size,
        "was_there": one.was_there,
        "fault": one.fault or None,
    }


def run_delete(
    collection: str, item_ids: list[str], *, all_items: bool, query: Query, yes: bool, waits: bool,
    seconds: float, as_json: bool,
) -> None:  # fmt: skip
    """Deletes items, saying how many first, and ends with the exit code.

    Args:
        collection: id of the collection.
        item_ids: ids of the items.
        all_items: whether to delete every item of the collection.
        query: a search whose items are deleted.
        yes: whether not to ask.
        waits: whether to wait for the outcomes.
        seconds: how long to wait.
        as_json: whether to print JSON.

    Raises:
        typer.Exit: an item was not deleted.
        CommandError: nothing was selected, or it was not confirmed.
        IngestionError: an id is malformed, or GeoCatalog did not answer.
    """
    is_search = all_items or bool(query.bbox or query.datetime or query.filter)
    app = connect(needs_geocatalog=is_search)
    if is_search:
        item_ids = [*item_ids, *_found_ids(query, app)]
    item_ids = list(dict.fromkeys(item_ids))
    if not item_ids:
        note(f"There are no such items in collection {collection}; nothing is deleted.")
        if as_json:
            write_json({"collection": collection, "deleted": [], "failed": {}, "waiting": []})
        return
    note(f"{len(item_ids):,} items of collection {collection} are to be deleted.")
    _confirm(yes=yes, is_search=is_search)
    done = delete_items(collection, item_ids, app, waits=waits, seconds=seconds)
    if as_json:
        write_json({"collection": collection, **asdict(done)})
    elif waits:
        say(f"Deleted {len(done.deleted):,}, failed {len(done.failed):,}, still waiting {len(done.waiting):,}.")
    else:
        say(f"Sent {len(item_ids):,} deletions.")
    for item_id, why in done.failed.items():
        note(f"{item_id}: {why}")
    if waits and done.waiting:
        note(f"Not done within {seconds:.0f} s; they go on by themselves. Is the app running? See geocatalog status.")
    if done.failed or (waits and done.waiting):
        raise typer.Exit(ExitCode.FAILED)


def _found_ids(query: Query, app: Clients) -> Iterable[str]:
    return (str(item["id"]) for item in search_catalog(query, app.geocatalog))


def _confirm(*, yes: bool, is_search: bool) -> None:
    if yes:
        return
    if sys.stdin.isatty():
        if not typer.confirm("Delete them?", err=True):
            raise CommandError("Nothing was deleted.")
    elif is_search:
        raise usage_error("Nobody can be asked here; confirm with --yes.")


def run_delete_collection(collection: str, *, waits: bool, seconds: float, as_json: bool) -> None:
    """Deletes a whole collection, and ends with the exit code.

    Raises:
        typer.Exit: it was not deleted.
        IngestionError: the id is malformed.
    """
    app = connect(needs_geocatalog=False)
    note(f"Collection {collection} is to be deleted with everything in it.")
    fault = delete_collection(collection, app, waits=waits, seconds=seconds)
    if as_json:
        write_json({"collection": collection, "deleted": waits and fault is None, "fault": fault})
    elif fault is None:
        say(f"Collection {collection} is deleted." if waits else f"The deletion of collection {collection} is sent.")
    if fault:
        note(fault)
        raise typer.Exit(ExitCode.FAILED)
