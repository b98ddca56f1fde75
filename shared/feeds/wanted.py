"""Which feeds are wanted: those of FEEDS, and those that were added by a command or came with a collection.

The row of a feed keeps both wishes: `spec` of whoever added it, `listed_spec` of the setting as it was last read, which
comes first. A list that cannot be read stops no feed. A feed that left the list stops; its row, with its pause, stays.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.basics.errors import IngestionError
from shared.basics.json_codec import read_json
from shared.basics.redact import redact
from shared.clients import Clients
from shared.feeds.specs import FeedSpec, parse_feed, parse_feed_json
from shared.records.feed_store import FeedRow
from shared.storage.group_commit import Conflict

log = logging.getLogger(__name__)

# The default of FEED_SCHEDULE.
USUAL_INTERVAL = timedelta(minutes=15)
_MAX_BYTES = 1024 * 1024
# A column of a table holds 64 KiB; whoever fixed this many entries sees the rest next time.
_MAX_FAULTS = 20


@dataclass
class WantedFeeds:
    """What is wanted.

    Attributes:
        feeds: each feed with its row.
        faults: what is wrong with FEEDS or with a row, a sentence each.
    """

    feeds: list[tuple[FeedSpec, FeedRow]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _FeedList:
    specs: dict[str, FeedSpec]
    faults: list[str]


def want_feed(spec: FeedSpec, app: Clients, *, order_by: str = "") -> FeedRow:
    """Add a feed without a deployment, or change one that was added; a pause stays.

    Args:
        spec: the feed.
        app: the clients.
        order_by: the property that its items are followed by, where that was found out.

    Raises:
        Conflict: its row kept changing.
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    new = FeedRow(spec.name, spec=spec.dumped(), added_at=app.now())
    if spec.paused:
        new = replace(new, paused_at=app.now(), paused_by="operator")
    try:
        return app.feeds.insert(replace(new, fingerprint=spec.fingerprint, order_by=order_by))
    except Conflict:
        pass

    def changed(row: FeedRow) -> FeedRow:
        if row.spec == new.spec:
            return row
        return replace(in_step(row, spec), spec=new.spec, order_by=order_by or row.order_by)

    found = app.feeds.change(spec.name, changed)
    return found or app.feeds.insert(new)


def wanted_feeds(app: Clients, *, reads_list: bool = True) -> WantedFeeds:
    """Find out which feeds are wanted, and bring their rows in step with FEEDS.

    Args:
        app: the clients.
        reads_list: whether FEEDS is read; without it the rows say what is wanted, as they did last.

    Raises:
        azure.core.exceptions.AzureError: the table could not be read or written.
    """
    listed = _listed_feeds(app) if reads_list else _FeedList({}, [])
    rows = {row.name: row for row in app.feeds.rows()}
    wanted = WantedFeeds(faults=listed.faults)
    for name, spec in listed.specs.items():
        rows[name] = _listed(spec, rows.get(name), app)
    for name, row in list(rows.items()):
        if name not in listed.specs and row.listed_spec and reads_list and not listed.faults:
            log.info("Feed %s left FEEDS%s", name, "" if row.spec else " and stops")
            rows[name] = _changed(name, lambda found: replace(found, listed_spec=""), app) or row
    for row in rows.values():
        spec_of_row = _spec_of(row, wanted)
        if spec_of_row:
            wanted.feeds.append((spec_of_row, row))
    return wanted


def paused(row: FeedRow, now: datetime) -> FeedRow:
    """Return a feed's row as an operator pauses it."""
    return replace(row, paused_at=row.paused_at or now, paused_by="operator")


def continued(row: FeedRow, now: datetime, *, accepts_replacements: bool = False) -> FeedRow:
    """Return a feed's row as an operator lets it continue, whoever paused it.

    Args:
        row: the row.
        now: the present moment.
        accepts_replacements: whether the present pass may replace many items.
    """
    return replace(
        row,
        paused_at=None,
        paused_by="",
        error_code="",
        error_message="",
        error_since=None,
        added_at=now,
        accepts_replacements=accepts_replacements or row.accepts_replacements,
    )


def interval_of(row: FeedRow) -> timedelta:
    """Return how often a feed is read: at each tick of the timer, or less often where it says so."""
    try:
        every = parse_feed_json(row.wanted).every if row.wanted else None
    except ValueError:
        every = None
    return max(every or USUAL_INTERVAL, USUAL_INTERVAL)


def in_step(row: FeedRow, spec: FeedSpec) -> FeedRow:
    """Return a feed's row for a feed as it is wanted: where it looks for something else, the fill begins anew."""
    if row.fingerprint == spec.fingerprint:
        return row
    anew = FeedRow(row.name, spec=row.spec, listed_spec=row.listed_spec, fingerprint=spec.fingerprint)
    if row.fingerprint:
        log.info("Feed %s looks for something else than before: its fill begins anew", row.name)
    return replace(
        anew,
        added_at=row.added_at,
        paused_at=row.paused_at,
        paused_by=row.paused_by,
        error_code=row.error_code if row.paused_at else "",
        error_message=row.error_message if row.paused_at else "",
        claimed_by=row.claimed_by,
        claimed_until=row.claimed_until,
        etag=row.etag,
    )


def _listed(spec: FeedSpec, row: FeedRow | None, app: Clients) -> FeedRow:
    """Write what FEEDS says into a feed's row, where that has changed."""
    text = spec.dumped()
    if row is None:
        paused_at = app.now() if spec.paused else None
        new = FeedRow(spec.name, listed_spec=text, fingerprint=spec.fingerprint, added_at=app.now())
        try:
            return app.feeds.insert(replace(new, paused_at=paused_at, paused_by="operator" if paused_at else ""))
        except Conflict:
            pass
    elif row.listed_spec == text:
        return row
    found = _changed(spec.name, lambda found: replace(in_step(found, spec), listed_spec=text), app)
    return found or FeedRow(spec.name, listed_spec=text)


def _changed(name: str, change: Callable[[FeedRow], FeedRow], app: Clients) -> FeedRow | None:
    try:
        return app.feeds.change(name, change)
    except Conflict:
        log.info("The row of feed %s kept changing; the next run brings it in step", name)
        return None


def _spec_of(row: FeedRow, wanted: WantedFeeds) -> FeedSpec | None:
    if not row.wanted:
        return None
    try:
        return parse_feed_json(row.wanted)
    except ValueError as error:
        wanted.faults.append(
            f"The row of feed {row.name} in table feeds holds no feed ({redact(str(error))}); add it again with "
            "geocatalog feeds add."
        )
        return None


def _listed_feeds(app: Clients) -> _FeedList:
    text = app.settings.feeds.strip()
    if text.startswith(("https://", "http://")):
        try:
            text = app.hrefs.read_own(text, limit=_MAX_BYTES).decode("utf-8-sig")
        except IngestionError as error:
            return _FeedList({}, [f"The list at its URL was not read: {error.message}"])
        except UnicodeDecodeError:
            return _FeedList({}, ["The blob that it names is not UTF-8 text."])
    return parse_feeds(text)


def parse_feeds(text: str) -> _FeedList:
    """Read a JSON list of feeds; a faulty entry does not touch the others.

    Args:
        text: such as `[{"name": "iceland", "url": "https://…", "collections": ["…"], "collection": "iceland"}]`.
    """
    try:
        entries = read_json(text)
    except ValueError as error:
        return _FeedList({}, [f"It is neither a JSON list nor the URL of a blob that holds one: {error}."])
    if not isinstance(entries, list):
        return _FeedList({}, ["It must be a JSON list of feeds, such as []."])
    specs: dict[str, FeedSpec] = {}
    faults: list[str] = []
    for number, entry in enumerate(entries, 1):
        name = entry.get("name") if isinstance(entry, dict) else None
        where = f"Entry {number}" + (f" ({redact(name)[:80]})" if isinstance(name, str) and name else "")
        try:
            spec = parse_feed(entry)
        except ValueError as error:
            faults.append(f"{where}: {str(error).rstrip('.')}.")
            continue
        if spec.name in specs:
            faults.append(f"{where}: this name is there twice; the first is used.")
        specs.setdefault(spec.name, spec)
    return _FeedList(specs, [redact(fault) for fault in faults[:_MAX_FAULTS]])
