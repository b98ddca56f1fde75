"""Runs `geocatalog feeds`: adds, lists, shows, pauses, removes and runs feeds."""

from pathlib import Path
from typing import Any

import typer

from cli.feeds.feed_states import FeedState, read_feed, read_feeds
from cli.options.search import Query
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.output.printing import note, print_table, say, write_json
from cli.settings.connection import connect
from shared.basics.json_codec import read_json
from shared.clients import Clients
from shared.feeds.api import FeedApi
from shared.feeds.following import follow_feeds
from shared.feeds.reading import choose_order
from shared.feeds.specs import FeedSpec, parse_feed
from shared.feeds.strangers import strange_part
from shared.feeds.wanted import continued, paused, want_feed
from shared.records.feed_store import FeedRow


def add_feed(fields: dict[str, Any], query: Query, intersects: Path | None, *, as_json: bool) -> None:
    """Add a feed, after a look at a page of its API.

    Raises:
        CommandError: the fields are wrong.
        shared.basics.errors.IngestionError: the API cannot be followed.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    app = connect(needs_geocatalog=False)
    url = fields["url"] or f"{app.settings.planetary_computer_url}/api/stac/v1"
    spec = spec_of({**fields, "url": url, **query_fields(query, intersects)})
    order = first_order(spec, app)
    want_feed(spec, app, order_by=order)
    if as_json:
        write_json({"name": spec.name, "collection": spec.collection, "order_by": order or None, "added": True})
        return
    by = f"followed by {order}" if order else "followed by the first property that its items carry, once there are any"
    say(f"Feed {spec.name} fills collection {spec.collection}, {by}.")
    note("The app reads it at its next run, within 15 minutes; geocatalog feeds run reads it now.")


def first_order(spec: FeedSpec, app: Clients) -> str:
    """Read a page of a feed's API and return the property that its items will be followed by; empty without items.

    Raises:
        shared.basics.errors.IngestionError: the API does not answer, or cannot be followed.
        CommandError: it ignores a part of the feed's query.
    """
    api = FeedApi(spec, app.hrefs)
    request = api.request(api.route(), None, None, 0)
    return find_order(api.page(request)["features"], spec)


def find_order(entries: list[Any], spec: FeedSpec) -> str:
    """Return the property that the items of a page can be followed by; empty without items.

    Raises:
        shared.basics.errors.IngestionError: there is none.
        CommandError: the API ignores a part of the feed's query.
    """
    for entry in entries:
        part = strange_part(entry, spec)
        if part:
            raise CommandError(
                f"The API ignores {part}: it gave item {str(entry.get('id'))[:80]}, which does not meet it. Leave it "
                "out, or use another API; nothing was added."
            )
    if not entries:
        return spec.order_by or ""
    return (spec.order_by or choose_order(entries)).value


def list_feeds(*, as_json: bool) -> None:
    """Print every feed and how it stands.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    app = connect(needs_geocatalog=False)
    states, faults = read_feeds(app), app.feeds.faults()
    if as_json:
        write_json({"feeds": [state.fields() for state in states], "faults": faults})
        return
    if states:
        print_table(["Feed", "Followed by", "Up to", "Sent", "State"], [_cells(state, app) for state in states])
    else:
        note("There is no feed; add one with geocatalog feeds add.")
    for fault in faults:
        note(f"FEEDS: {fault}")


def _cells(state: FeedState, app: Clients) -> list[object]:
    row = state.row
    return [row.name, row.order_by or None, row.watermark, f"{row.sent:,}", state.in_words(app.now())]


def show_feed(name: str, *, as_json: bool) -> None:
    """Print how a feed stands.

    Raises:
        CommandError: there is none of that name.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    app = connect(needs_geocatalog=False)
    state = read_feed(_row(name, app), app)
    if as_json:
        write_json(state.fields())
        return
    row = state.row
    say(f"{row.name}: {state.in_words(app.now())}")
    say(f"Wanted: {row.wanted or 'nothing'}")
    say(f"Followed by {row.order_by or 'not known yet'}; every item up to {row.watermark or 'none yet'} was sent.")
    say(f"Sent {row.sent:,} times, {row.known:,} of them new items.")
    if row.last_full_pass:
        say(f"The last full pass ended at {row.last_full_pass} and found {row.last_full_pass_missed:,} missed items.")
    else:
        say("No full pass has ended yet.")


def pause_feed(name: str, *, as_json: bool) -> None:
    """Pause a feed.

    Raises:
        CommandError: there is none of that name.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    app = connect(needs_geocatalog=False)
    _row(name, app)
    app.feeds.change(name, lambda row: paused(row, app.now()))
    if as_json:
        write_json({"name": name, "paused": True})
    else:
        say(f"Feed {name} is paused; geocatalog feeds run {name} lets it continue.")


def remove_feed(name: str, *, as_json: bool) -> None:
    """Forget a feed.

    Raises:
        CommandError: there is none of that name.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    app = connect(needs_geocatalog=False)
    row = _row(name, app)
    app.feeds.delete(name)
    if as_json:
        write_json({"name": name, "removed": True})
    else:
        say(f"Feed {name} is forgotten. What it sent stays.")
    if row.listed_spec:
        note("FEEDS names it: take it out there too, or it comes back.")


def run_feed(name: str, *, accepts_replacements: bool, as_json: bool) -> None:
    """Read a feed now; a paused one continues.

    Raises:
        CommandError: there is none of that name, or FEEDS no longer names it.
        typer.Exit: its turn ended with a fault.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    app = connect(needs_geocatalog=False)
    row = _row(name, app)
    if not row.wanted:
        raise CommandError(f"Feed {name} left FEEDS and stopped; add it there, or with geocatalog feeds add.")
    app.feeds.change(name, lambda row: continued(row, app.now(), accepts_replacements=accepts_replacements))
    sent = follow_feeds(app, only=name, now_due=True, reads_list=False)
    state = read_feed(_row(name, app), app)
    if as_json:
        write_json({"name": name, "sent": sent, **state.fields()})
    else:
        say(f"{sent:,} items were sent. {name}: {state.in_words(app.now())}")
    if state.is_at_fault:
        raise typer.Exit(ExitCode.FAILED)


def _row(name: str, app: Clients) -> FeedRow:
    row = app.feeds.get(name)
    if row is None:
        raise CommandError(f"There is no feed {name}; geocatalog feeds lists them.")
    return row


def spec_of(fields: dict[str, Any]) -> FeedSpec:
    """Return the feed of what a command was given.

    Raises:
        CommandError: it is wrong.
    """
    given = {name: value for name, value in fields.items() if value not in (None, [], {})}
    try:
        return parse_feed(given)
    except ValueError as error:
        raise usage_error(f"The feed is wrong: {error}.") from None


def query_fields(query: Query, intersects: Path | None) -> dict[str, Any]:
    """Return the fields of a feed that say what it finds.

    Raises:
        CommandError: the query or the file is wrong.
    """
    fields = {name: value for name, value in query.body().items() if name != "filter-lang"}
    if intersects is not None:
        try:
            geometry = read_json(intersects.read_bytes())
        except ValueError as error:
            raise usage_error(f"{intersects} is not JSON: {error}.") from None
        fields["intersects"] = geometry.get("geometry", geometry) if isinstance(geometry, dict) else geometry
    return fields
