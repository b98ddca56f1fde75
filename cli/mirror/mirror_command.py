"""`geocatalog mirror`: a collection of a STAC API, with its configuration, its source and a feed, in one command."""

import sys
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

import requests
import typer

from cli.collections.apply import send_and_wait
from cli.feeds.feed_work import find_order, query_fields, spec_of
from cli.options.common import JsonOption, YesOption, listed
from cli.options.search import BboxOption, DatetimeOption, FilterOption, Query
from cli.output.faults import CommandError, usage_error
from cli.output.printing import note, say, write_json
from cli.settings.connection import connect
from shared.basics.blob_urls import parse_blob_url
from shared.basics.json_codec import read_json
from shared.clients import Clients
from shared.feeds.api import FeedApi
from shared.feeds.sending import message_of
from shared.feeds.specs import NEVER, FeedSpec
from shared.feeds.wanted import want_feed
from shared.items.preparing import prepared_for
from shared.records.source_store import source_key
from shared.services.planetary_computer import container_url
from shared.services.stac_pages import PageRequest, matched_of

# The service takes some seconds for each part of a configuration.
_CONFIGURATION_SECONDS = 300.0
_TIMEOUT = (5.0, 20.0)
# Items of the first page whose assets are looked at.
_SAMPLE = 3
# Read once, and not again in a lifetime.
_ONCE = "P36500D"


@dataclass(frozen=True)
class _Plan:
    """What is to be mirrored.

    Attributes:
        spec: the feed.
        message: the configuration of the collection.
        order: the property that the feed will be followed by; empty where no item is there yet.
        items: how many items there are, where the API says so.
        dropped: keys of assets that are not copied.
    """

    spec: FeedSpec
    message: dict[str, Any]
    order: str
    items: int | None
    dropped: list[str]


def mirror(
    source: Annotated[str, typer.Argument(metavar="COLLECTION", help="Id of the collection there.")],
    *,
    collection: Annotated[str | None, typer.Option("--as", help="Id here. Default: the same.", metavar="ID")] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Landing page of a STAC API. Default: the Planetary Computer.")
    ] = None,
    bbox: BboxOption = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole collection.")] = False,
    drop_assets: Annotated[
        list[str] | None, typer.Option(help="Asset keys to leave out, by comma or repeated.", metavar="KEYS")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Fill it once; later items do not come.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Mirror a collection of a STAC API: its configuration, its source, and a feed that keeps it full.

    Every asset is copied. Says first how many items there are and what is left out. A second run changes nothing.

    Example: geocatalog mirror sentinel-2-l2a --bbox -22.46,63.83,-22.39,63.89 --as mine
    """
    query = Query((source,), (), bbox, datetime, filter_)
    if not everything and not (bbox or datetime or filter_):
        raise usage_error("Say which part of the collection: --bbox, --datetime or --filter; or --all of it.")
    app = connect(needs_geocatalog=False)
    fields: dict[str, Any] = {"name": collection or source, "drop_assets": listed(drop_assets)}
    fields |= {"every": _ONCE, "full_pass": NEVER} if once else {}
    plan = _plan(fields, query, url, app)
    known = app.feeds.get(plan.spec.name)
    if known is not None and known.spec == plan.spec.dumped():
        _tell(plan, "is mirrored already; nothing was changed", as_json=as_json, changed=False)
        return
    _confirm(plan, yes=yes)
    mark = {**plan.message, "correlation_id": uuid.uuid4().hex}
    messages = [(plan.spec.collection, source, mark)]
    (applied,) = send_and_wait(messages, app, waits=True, seconds=_CONFIGURATION_SECONDS)
    if not applied.is_done and not app.status.get_collection(plan.spec.collection).get("created_at"):
        raise CommandError(
            f"Collection {plan.spec.collection} was not configured ({applied.outcome}): {applied.reason}"
        )
    if applied.reason:
        note(applied.reason)
    want_feed(plan.spec, app, order_by=plan.order)
    _tell(plan, "is mirrored from now on", as_json=as_json, changed=True)


def _plan(given: dict[str, Any], query: Query, url: str | None, app: Clients) -> _Plan:
    source, collection = query.collections[0], given["name"]
    fields = {**given, "url": url or f"{app.settings.planetary_computer_url}/api/stac/v1", "collection": collection}
    spec = spec_of({**fields, **query_fields(query, None)})
    api = FeedApi(spec, app.hrefs)
    definition = api.document(PageRequest("GET", f"{spec.url}/collections/{source}"))
    page = api.page(api.request(api.route(), None, None, 0))
    order = find_order(page["features"], spec)
    message = {"planetary_computer": source} if url is None else {"definition": definition | {"id": collection}}
    left_out = _check_assets(page["features"][:_SAMPLE], spec, definition, app)
    return _Plan(spec, message | {"collection": collection}, order, matched_of(page), left_out)


def _check_assets(items: list[Any], spec: FeedSpec, definition: dict[str, Any], app: Clients) -> list[str]:
    """Return the keys of assets that are left out, after a look at whether the others can be copied.

    Raises:
        CommandError: one of them cannot; nothing was created.
    """
    brought = parse_blob_url(container_url(definition) or "")
    left_out: set[str] = set()
    for item in items:
        preparation = prepared_for(item, message_of(spec), spec.collection, app)
        if preparation.fault is not None:
            raise CommandError(f"Item {item.get('id')} cannot be ingested, so nothing was created: {preparation.fault}")
        assert preparation.prepared is not None  # noqa: S101 - there is no fault
        kept = read_json(preparation.prepared.body)["assets"]
        left_out |= item["assets"].keys() - kept.keys()
        for key, asset in kept.items():
            if not _is_readable(str(asset["href"]), brought, app):
                raise CommandError(
                    f"Asset {key} of item {item['id']} cannot be read, so nothing was created: leave it out with "
                    "--drop-assets, or add a source for its container with geocatalog sources add."
                )
    return sorted(left_out)


def _is_readable(href: str, brought: Any, app: Clients) -> bool:  # noqa: ANN401 - a BlobUrl or None
    container = parse_blob_url(href)
    if container and brought and container.container_url == brought.container_url:
        return True  # the collection brings a source for it
    if container and app.sources.get(source_key(container)) is not None:
        return True
    try:
        return requests.head(href, timeout=_TIMEOUT, allow_redirects=True).ok
    except requests.RequestException:
        return False


def _confirm(plan: _Plan, *, yes: bool) -> None:
    count = "an unknown number of" if plan.items is None else f"{plan.items:,}"
    note(f"{count} items of {plan.spec.collections[0]} fill collection {plan.spec.collection}; every asset is copied.")
    note(f"Left out: {', '.join(plan.dropped) or 'nothing'}.")
    if yes:
        return
    if not sys.stdin.isatty():
        raise usage_error("Where nobody can be asked, mirror needs --yes.")
    if not typer.confirm("Mirror them?", err=True):
        raise typer.Abort


def _tell(plan: _Plan, said: str, *, as_json: bool, changed: bool) -> None:
    if as_json:
        write_json(
            {
                "collection": plan.spec.collection,
                "feed": plan.spec.name,
                "items": plan.items,
                "left_out": plan.dropped,
                "order_by": plan.order or None,
                "changed": changed,
            }
        )
    else:
        say(f"Collection {plan.spec.collection} {said}. See geocatalog feeds show {plan.spec.name}.")
