"""`geocatalog feeds`: the STAC APIs that collections fill themselves from."""

from pathlib import Path
from typing import Annotated

import typer

from cli.feeds.feed_work import add_feed, list_feeds, pause_feed, remove_feed, run_feed, show_feed
from cli.options.common import JsonOption, listed
from cli.options.search import BboxOption, CollectionsOption, DatetimeOption, FilterOption, Query

app = typer.Typer(rich_markup_mode="rich")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the feed.")]


@app.callback(invoke_without_command=True)
def feeds(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """Add, list, show, pause, remove and run feeds: collections that fill themselves from a STAC API.

    Example: geocatalog feeds
    """
    if context.invoked_subcommand is None:
        list_feeds(as_json=as_json)


@app.command()
def add(
    name: NameArgument,
    *,
    url: Annotated[
        str | None, typer.Option("--url", help="Landing page of the STAC API. Default: the Planetary Computer.")
    ] = None,
    collections: CollectionsOption = None,
    collection: Annotated[
        str | None, typer.Option("--as", help="The collection to fill. Default: the feed's name.", metavar="ID")
    ] = None,
    bbox: BboxOption = None,
    intersects: Annotated[
        Path | None, typer.Option(help="File with a GeoJSON geometry.", metavar="FILE", exists=True, dir_okay=False)
    ] = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    drop_assets: Annotated[
        list[str] | None, typer.Option(help="Asset keys to leave out, by comma or repeated.", metavar="KEYS")
    ] = None,
    version_by: Annotated[str | None, typer.Option(help="Item property that orders versions.", metavar="NAME")] = None,
    if_exists: Annotated[str, typer.Option(help="replace or skip.")] = "replace",
    order_by: Annotated[
        str | None, typer.Option(help="updated, created, datetime or start_datetime. Default: found out.")
    ] = None,
    look_back: Annotated[
        str | None, typer.Option(help="How far each run reads back, such as P30D.", metavar="ISO_DURATION")
    ] = None,
    full_pass: Annotated[
        str, typer.Option(help="How often all is read again; or never.", metavar="ISO_DURATION")
    ] = "P7D",  # noqa: S107 - a duration
    every: Annotated[
        str | None, typer.Option(help="How often it is read. Default: at each run.", metavar="ISO_DURATION")
    ] = None,
    max_items_per_run: Annotated[int | None, typer.Option(help="The most items to send in one run.", min=1)] = None,
    page_size: Annotated[int, typer.Option(help="Items of a page.", min=1, max=500)] = 250,
    ignore_properties: Annotated[
        list[str] | None, typer.Option(help="Properties that are no change, by comma or repeated.", metavar="NAMES")
    ] = None,
    auth_setting: Annotated[str | None, typer.Option(help="App setting that holds a key.", metavar="NAME")] = None,
    auth_header: Annotated[str, typer.Option(help="Header for the key.", metavar="NAME")] = "X-Api-Key",
    as_json: JsonOption = False,
) -> None:
    """Add a feed, or change one that was added. Reads a page first, and says by which property it will be followed.

    Example: geocatalog feeds add iceland --collections sentinel-2-l2a --bbox -22.46,63.83,-22.39,63.89 --as iceland
    """
    fields = {
        "name": name,
        "url": url,
        "collection": collection or name,
        "drop_assets": listed(drop_assets),
        "version_by": version_by,
        "if_exists": if_exists,
        "order_by": order_by,
        "look_back": look_back,
        "full_pass": full_pass,
        "every": every,
        "max_items_per_run": max_items_per_run,
        "page_size": page_size,
        "ignore_properties": listed(ignore_properties),
        "auth": {"setting": auth_setting, "header": auth_header} if auth_setting else None,
    }
    query = Query(tuple(listed(collections)), (), bbox, datetime, filter_)
    add_feed(fields, query, intersects, as_json=as_json)


@app.command("list")
def list_(*, as_json: JsonOption = False) -> None:
    """List the feeds and how each stands.

    Example: geocatalog feeds list
    """
    list_feeds(as_json=as_json)


@app.command()
def show(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Show how far a feed is, what its last full pass found, and its last fault.

    Example: geocatalog feeds show iceland
    """
    show_feed(name, as_json=as_json)


@app.command()
def pause(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Pause a feed until `feeds run` lets it continue; what it has sent is ingested.

    Example: geocatalog feeds pause iceland
    """
    pause_feed(name, as_json=as_json)


@app.command()
def remove(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Forget a feed; what it has sent stays.

    Example: geocatalog feeds remove iceland
    """
    remove_feed(name, as_json=as_json)


@app.command()
def run(
    name: NameArgument,
    *,
    accept_replacements: Annotated[
        bool, typer.Option("--accept-replacements", help="Let it replace many known items, once.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read a feed now, from here. A paused one continues.

    Example: geocatalog feeds run iceland
    """
    run_feed(name, accepts_replacements=accept_replacements, as_json=as_json)
