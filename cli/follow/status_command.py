"""`geocatalog status`: counts by collection and state, queue depths, and the sources' time left."""

import datetime as dt
from typing import Any

from cli.feeds.feed_states import FeedState, read_feeds
from cli.follow.counts import Overview, read_overview
from cli.options.common import CollectionOption, JsonOption, listed
from cli.output.printing import in_words, print_table, say, write_json
from cli.settings.connection import connect
from cli.sources.source_states import SourceState, read_sources
from shared.records.status_rows import ItemStatus
from shared.stac.ids import check_collection_id


def status(*, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Show counts by collection and state, open operations, queues, dead letters, sources and feeds.

    Example: geocatalog status

    Example: geocatalog status --json
    """
    app = connect(needs_geocatalog=False)
    named = [check_collection_id(name) for name in listed(collection)]
    overview = read_overview(app, collections=named or None)
    sources = read_sources(app)
    feeds = read_feeds(app)
    if as_json:
        write_json(status_fields(overview, sources, feeds))
        return
    now = app.now()
    if overview.collections:
        print_table(*items_table(overview, now))
    else:
        say("No collections and no items yet.")
    queues = ", ".join(f"{name} {depth:,}" for name, depth in overview.queues.items() if depth)
    say(f"\nQueues: {queues or 'all empty'}")
    say(f"Dead letters: {overview.deadletters:,}" + (" (see geocatalog failures)" if overview.deadletters else ""))
    for source in sources:
        say(f"Source {source.container_url}: {source.in_words(now)}")
    for feed in feeds:
        say(f"Feed {feed.row.name}: {feed.in_words(now)}")


def items_table(overview: Overview, now: dt.datetime) -> tuple[list[str], list[list[object]]]:
    """Returns the headings and rows of the counts by collection; states that no item is in are left out."""
    states = [state for state in ItemStatus if overview.totals.get(state.value)] or [ItemStatus.SUCCEEDED]
    headings = ["Collection", *(state.value for state in states), "Open operations", "Oldest open"]
    rows: list[list[object]] = []
    for name, counts in sorted(overview.collections.items()):
        oldest = f"{in_words(now - counts.oldest_open)} ago" if counts.oldest_open else None
        open_operations = f"{counts.open_operations:,}" + (f" ({counts.stalled:,} stalled)" if counts.stalled else "")
        rows.append([name, *(counts.items[state.value] for state in states), open_operations, oldest])
    return headings, rows


def status_fields(overview: Overview, sources: list[SourceState], feeds: list[FeedState]) -> dict[str, Any]:
    """Returns how everything stands, as JSON types."""
    return {
        "collections": {
            name: {
                "items": counts.items,
                "open_operations": counts.open_operations,
                "stalled": counts.stalled,
                "oldest_open": counts.oldest_open,
                "newest_datetime": counts.newest_datetime,
            }
            for name, counts in sorted(overview.collections.items())
        },
        "totals": overview.totals,
        "queues": overview.queues,
        "deadletters": overview.deadletters,
        "sources": [source.fields() for source in sources],
        "feeds": [feed.fields() for feed in feeds],
    }
