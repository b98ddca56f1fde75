"""`geocatalog delete`: deletes items or a whole collection, saying how many first."""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.catalog.search import search_catalog
from cli.options.common import CollectionArgument, ItemsArgument, JsonOption, NoWaitOption, TimeoutOption, YesOption
from cli.options.id_files import read_ids
from cli.options.search import BboxOption, DatetimeOption, FilterOption, Query
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.output.printing import note, say, write_json
from cli.recover.deleting import delete_collection, delete_items
from cli.settings.connection import connect
from shared.clients import Clients

# Deletions take seconds each in GeoCatalog, and a collection some minutes.
_DELETION_SECONDS = 600.0


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
        _delete_collection(collection, waits=not no_wait, seconds=timeout, as_json=as_json)
        return
    if ids and is_search:
        raise usage_error("Choose items either by id or by search, not both.")
    if not ids and not is_search and ids_from is None:
        raise usage_error(
            "Say which items: by id, --ids-from, --bbox, --datetime, --filter or --all-items; or delete the whole "
            f"collection with --confirm {collection}."
        )
    query = Query((collection,), (), bbox, datetime, filter_)
    _delete_items(
        collection, ids, all_items=all_items, query=query, yes=yes, waits=not no_wait, seconds=timeout, as_json=as_json
    )


def _delete_items(
    collection: str, item_ids: list[str], *, all_items: bool, query: Query, yes: bool, waits: bool,
    seconds: float, as_json: bool,
) -> None:  # fmt: skip
    """Delete items, saying how many first, and end with the exit code."""
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


def _delete_collection(collection: str, *, waits: bool, seconds: float, as_json: bool) -> None:
    """Delete a whole collection, and end with the exit code."""
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
