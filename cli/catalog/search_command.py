"""`geocatalog search`: the items that GeoCatalog finds."""

from typing import Annotated, Any

import typer

from cli.catalog.search import search_catalog
from cli.options.common import JsonOption, listed
from cli.options.search import BboxOption, CollectionsOption, DatetimeOption, FilterOption, IdsOption, Query
from cli.output.printing import note, print_table, write_json
from cli.settings.connection import connect


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
    query = Query(tuple(listed(collections)), tuple(listed(ids)), bbox, datetime, filter_)
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
