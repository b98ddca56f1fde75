"""A feed brings what a STAC API has into its collection once, whatever the API does and whenever it is read."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.azurite import Azurite
from shared.basics.clock import format_timestamp
from shared.basics.errors import SettingsError
from shared.clients import Clients
from shared.collections.deletions_queue import delete_message
from shared.feeds.following import follow_feeds
from shared.feeds.specs import parse_feed
from shared.feeds.wanted import continued, paused, want_feed
from shared.items.ingestion import ingest_message
from shared.messages.models import QueueName
from shared.operations.tracking import track_operations
from shared.records.feed_store import FeedRow
from tests.data.documents import item
from tests.misbehaving_stac_api import (
    MisbehavingStacApi,
    expired_tokens,
    misbehaving_stac_api,
    next_back_to_first,
    next_link,
    no_next,
    status,
    unmatched,
    with_key_in_link,
)
from tests.properties.apps import Clock, clear_queues, decoded, make_app, results, take_all
from tests.properties.catalog import Catalog

_names = itertools.count()


class Feeds:
    """One feed on a misbehaving API, with all that follows it."""

    def __init__(self, api: MisbehavingStacApi, app: Clients, clock: Clock, catalog: Catalog) -> None:
        self.api = api
        self.app = app
        self.clock = clock
        self.catalog = catalog
        self.name = f"feed-{next(_names)}"
        self.collection = f"of-{self.name}"
        catalog.create_collection(self.collection)

    def add(self, **fields: Any) -> None:
        spec = {"name": self.name, "url": self.api.url, "collections": ["scenes"], "collection": self.collection}
        want_feed(parse_feed({**spec, **fields}), self.app)

    def run(self) -> FeedRow:
        follow_feeds(self.app, only=self.name, now_due=True)
        return self.row

    @property
    def row(self) -> FeedRow:
        row = self.app.feeds.get(self.name)
        assert row is not None
        return row

    def ingest(self) -> None:
        """Do what the app's other functions do, until nothing is left to do."""
        while messages := list(take_all(self.app.queues.client(QueueName.ITEMS))):
            for message in messages:
                ingest_message(message.content.encode(), self.app.now(), self.app)
        track_operations(self.app, budget=timedelta(seconds=20))

    def outcomes(self) -> list[tuple[str, str]]:
        own = [result for result in results(self.app) if result["collection"] == self.collection]  # not other tests'
        return sorted((result["id"], result["outcome"]) for result in own if result["id"])

    def waiting(self) -> list[dict[str, Any]]:
        """Take the feed's messages from queue `items`; the tracker may send items of earlier tests again."""
        found = [decoded(message.content) for message in take_all(self.app.queues.client(QueueName.ITEMS))]
        return [message for message in found if self.collection in str(message)]

    def held(self) -> set[str]:
        page = self.app.geocatalog.search({"collections": [self.collection], "limit": 1000})
        return {feature["id"] for feature in page["features"]}


@pytest.fixture
def api() -> Iterator[MisbehavingStacApi]:
    with misbehaving_stac_api([scene(f"s{number}", number) for number in range(1, 6)]) as running:
        yield running


@pytest.fixture
def feed(azurite: Azurite, catalog: Catalog, api: MisbehavingStacApi) -> Iterator[Feeds]:
    clock = Clock()
    hosts = api.url.removeprefix("http://")
    app = make_app(azurite, catalog.url, clock, ALLOWED_HREF_HOSTS=hosts, TIME_SCALE="0.05")
    clear_queues(app)
    catalog.reset()
    yield Feeds(api, app, clock, catalog)
    clear_queues(app)


def scene(item_id: str, day: int, **properties: Any) -> dict[str, Any]:
    moment = f"2026-03-{day:02}T10:00:00Z"
    return item(item_id, "scenes", properties={"datetime": moment, **properties})


def test_what_an_api_has_comes_once_and_then_nothing_is_sent(feed: Feeds) -> None:
    feed.add()
    row = feed.run()
    assert (row.error_code, row.order_by, row.sent, row.known) == ("", "datetime", 5, 5)
    feed.ingest()
    assert feed.outcomes() == [(f"s{number}", "ingested") for number in range(1, 6)]
    for _ in range(3):
        row = feed.run()
    assert (row.error_code, row.sent) == ("", 5)
    assert not feed.waiting()
    assert not feed.app.feeds.pages(feed.name)
    assert feed.held() == {f"s{number}" for number in range(1, 6)}


def test_late_equal_and_changed_items_are_found_and_those_ahead_of_time_hide_none(feed: Feeds) -> None:
    feed.api.items.append(scene("from-2099", 1, datetime="2099-01-01T00:00:00Z"))
    feed.add()
    feed.run()
    feed.ingest()
    assert feed.row.watermark is not None
    assert feed.row.watermark <= feed.app.now()
    feed.outcomes()
    feed.api.items += [scene("late", 2), scene("equal", 5)]
    feed.api.items[0] = scene("s1", 1, cloud=3)
    row = feed.run()
    assert (row.error_code, row.sent) == ("", 9)
    feed.ingest()
    assert feed.outcomes() == [("equal", "ingested"), ("late", "ingested"), ("s1", "replaced")]


def test_what_is_on_the_queue_already_is_not_sent_again(feed: Feeds) -> None:
    feed.add()
    feed.run()
    feed.run()
    assert feed.row.sent == 5
    feed.ingest()
    assert len(feed.outcomes()) == 5


def test_what_failed_or_was_deleted_comes_again_only_when_it_changes(feed: Feeds) -> None:
    feed.api.items[1]["assets"] = {"bad key!": {"href": "https://ours.blob.core.windows.net/cogs/a.tif"}}
    feed.api.items.append({**scene("bad", 6), "id": "not an id"})
    feed.add()
    feed.run()
    feed.ingest()
    delete_message(b'{"collection": "%s", "id": "s1"}' % feed.collection.encode(), feed.app.now(), feed.app)
    track_operations(feed.app, budget=timedelta(seconds=20))
    states = {"s1": "ingested", "s2": "failed"}
    assert {id_: outcome for id_, outcome in feed.outcomes() if id_ in states and outcome != "deleted"} == states
    for _ in range(3):
        feed.run()
        feed.ingest()
    assert feed.outcomes() == []
    (letter,) = [row for row in feed.app.deadletters.rows("items") if feed.name in str(row["reason"])]
    assert letter["count"] == 1
    feed.api.items[0] = scene("s1", 1, cloud=3)
    feed.api.items[1] = scene("s2", 2)
    feed.run()
    feed.ingest()
    assert feed.outcomes() == [("s1", "ingested"), ("s2", "ingested")]


def test_pages_that_do_not_ascend_move_the_watermark_at_their_end_only(feed: Feeds) -> None:
    feed.api.items = [scene(f"s{day}", day) for day in (3, 1, 5, 2, 4)]
    feed.api.ignored = frozenset({"sortby"})
    feed.api.faults = [status(500, page=3, times=1, retry_after=None)]
    feed.add()
    row = feed.run()
    assert (row.error_code, row.watermark, row.sent) == ("Unavailable", None, 4)
    row = feed.run()
    assert (row.error_code, row.sent) == ("", 5)
    assert row.watermark is not None
    assert format_timestamp(row.watermark) == "2026-03-05T10:00:00Z"


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([no_next(1), no_next(2)], id="the next link is missing"),
        pytest.param([next_back_to_first()], id="the next link leads to the first page"),
        pytest.param([expired_tokens()], id="tokens expire"),
        pytest.param([unmatched()], id="the number of items is not told"),
    ],
)
def test_links_that_fail_lose_nothing(feed: Feeds, faults: list[Any]) -> None:
    feed.api.faults = faults
    feed.add()
    row = feed.run()
    assert (row.error_code, row.sent) == ("", 5), row.error_message


def test_a_value_that_fills_more_than_a_page_is_finished_by_links(feed: Feeds) -> None:
    feed.api.items = [scene(f"s{number}", 4) for number in range(7)] + [scene("last", 5)]
    feed.add()
    row = feed.run()
    assert (row.error_code, row.sent) == ("", 8)


def test_a_value_that_fills_more_than_a_page_and_whose_links_expire_is_named(feed: Feeds) -> None:
    feed.api.items = [scene(f"s{number}", 4) for number in range(7)]
    feed.api.faults = [expired_tokens()]
    feed.add(full_pass="never")
    row = feed.run()
    assert row.error_code == "FeedBlocked"
    assert "2026-03-04T10:00:00Z" in row.error_message
    assert "page_size" in row.error_message
    feed.api.faults = []
    row = feed.run()
    assert (row.error_code, row.sent) == ("", 7)


@pytest.mark.parametrize(
    ("ignored", "query", "stranger"),
    [
        ("collections", {}, {"collection": "others"}),
        ("bbox", {"bbox": [10, 47, 12, 49]}, {"bbox": [80.0, 1, 80, 1]}),
        ("datetime", {"datetime": "2026-03-01/2026-03-31"}, {"properties": {"datetime": "2027-01-01T00:00:00Z"}}),
        ("filter", {"filter": {"op": "<", "args": [{"property": "cloud"}, 5]}}, {"cloud": 50}),
        ("query", {"query": {"cloud": {"lt": 5}}}, {"cloud": 50}),
    ],
)
def test_a_page_with_a_stranger_stops_the_feed(
    feed: Feeds, ignored: str, query: dict[str, Any], stranger: dict[str, Any]
) -> None:
    cloud = stranger.pop("cloud", 1)
    feed.api.items = [scene("own", 1, cloud=1), {**scene("stranger", 2, cloud=cloud), **stranger}]
    feed.api.ignored = frozenset({"collections", "bbox", "datetime", "filter", "query"})
    feed.add(**query)
    row = feed.run()
    assert row.error_code == "ApiIgnoresQuery"
    assert f"ignores {ignored}" in row.error_message
    assert (row.paused_by, row.sent) == ("app", 0)
    before = len(feed.api.searches)
    feed.run()
    assert len(feed.api.searches) == before


def test_an_item_without_the_field_of_the_order_is_a_fault(feed: Feeds) -> None:
    feed.api.items[0]["properties"]["updated"] = "2026-03-01T10:00:00Z"
    feed.add(order_by="updated")
    row = feed.run()
    assert (row.error_code, row.sent) == ("OrderFieldMissing", 0)
    assert "s2" in row.error_message
    for number, entry in enumerate(feed.api.items, 1):
        entry["properties"]["updated"] = f"2026-03-0{number}T10:00:00Z"
    assert feed.run().sent == 5


def test_one_id_of_two_collections_fails_once(feed: Feeds) -> None:
    feed.api.items += [{**scene("s1", 6), "collection": "others"}]
    feed.add(collections=["scenes", "others"])
    for _ in range(4):
        feed.run()
        feed.ingest()
    collisions = [result for result in results(feed.app) if result["error_code"] == "IdCollision"]
    assert [(result["id"], result["outcome"]) for result in collisions] == [("s1", "failed")]
    row = feed.app.status.get(feed.collection, "s1")
    assert row is not None
    assert (row.status, row.error_code) == ("Failed", "IdCollision")
    assert {row.source, row.rival} == {f"feed:{feed.name}/scenes", f"feed:{feed.name}/others"}


def test_many_replacements_wait_for_an_operator(feed: Feeds) -> None:
    feed.api.items = [scene(f"s{number}", number) for number in range(1, 13)]
    feed.add()
    feed.run()
    feed.ingest()
    feed.outcomes()
    for entry in feed.api.items:
        entry["properties"]["processed"] = "again"
    row = feed.run()
    assert (row.error_code, row.paused_by) == ("TooManyReplacements", "app")
    feed.app.feeds.change(feed.name, lambda found: continued(found, feed.app.now(), accepts_replacements=True))
    row = feed.run()
    assert (row.error_code, row.paused_at) == ("", None)
    feed.ingest()
    assert set(feed.outcomes()) == {(f"s{number}", "replaced") for number in range(1, 13)}


def test_properties_to_ignore_are_no_change(feed: Feeds) -> None:
    feed.add(ignore_properties=["processed"])
    feed.run()
    feed.ingest()
    for entry in feed.api.items:
        entry["properties"]["processed"] = "again"
    assert feed.run().sent == 5


def test_an_api_that_throttles_is_left_alone_until_it_says(feed: Feeds) -> None:
    feed.api.faults = [status(429, page=1, times=1, retry_after="120")]
    feed.add()
    row = feed.run()
    assert row.error_code == "Throttled"
    before = len(feed.api.searches)
    feed.run()
    assert len(feed.api.searches) == before
    feed.clock.advance(timedelta(minutes=3))
    assert feed.run().sent == 5


def test_keys_go_into_a_header_and_nowhere_else(feed: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTNER_KEY", "s3cr3t-key")
    feed.api.items = [scene(f"s{number}", 4) for number in range(7)]
    feed.api.faults = [with_key_in_link("s3cr3t-key"), status(500, page=3, times=1, retry_after=None)]
    feed.add(auth={"setting": "PARTNER_KEY", "header": "X-Api-Key"}, max_items_per_run=4)
    feed.run()
    assert all(asked.headers.get("X-Api-Key") == "s3cr3t-key" for asked in feed.api.searches)
    assert feed.row.follow
    assert "s3cr3t-key" not in repr(feed.row)


@pytest.mark.parametrize("href", ["https://elsewhere.example/search", "http://127.0.0.1:1/search"])
def test_a_link_to_another_origin_is_not_followed(feed: Feeds, href: str) -> None:
    feed.api.items = [scene(f"s{number}", 4) for number in range(7)]
    feed.api.faults = [next_link(href=href)]
    feed.add()
    row = feed.run()
    assert row.error_code == "ApiRefused"
    assert "own origin" in row.error_message


def test_a_row_opens_no_new_host(feed: Feeds) -> None:
    feed.add(url="https://not-allowed.example/stac")
    row = feed.run()
    assert row.error_code == "HrefRefused"
    assert "ALLOWED_HREF_HOSTS" in row.error_message


def test_a_change_of_the_query_begins_anew_and_a_pause_stays(feed: Feeds) -> None:
    feed.add()
    feed.run()
    feed.ingest()
    feed.app.feeds.change(feed.name, lambda found: paused(found, feed.app.now()))
    feed.add(datetime="2026-03-01/2026-04-01")
    row = feed.run()
    assert row.paused_by == "operator"
    assert row.watermark is None


def test_deleting_the_collection_pauses_its_feed(feed: Feeds) -> None:
    feed.add()
    feed.run()
    feed.ingest()
    delete_message(
        b'{"collection": "%s", "confirm": "%s"}' % ((feed.collection.encode(),) * 2), feed.app.now(), feed.app
    )
    track_operations(feed.app, budget=timedelta(seconds=20))
    row = feed.run()
    assert (row.error_code, row.paused_by) == ("CollectionDoesNotExist", "app")


def test_a_page_whose_message_a_killed_run_did_not_send_is_sent_by_the_next_one(feed: Feeds) -> None:
    feed.add()
    feed.run()
    clear_queues(feed.app)  # as if the run had been killed before each of its messages
    for page in feed.app.feeds.pages(feed.name):
        feed.app.feeds.delete_page(page)
        feed.app.feeds.insert_page(replace(page, is_sent=False))
    feed.run()
    assert feed.row.sent == 5
    feed.ingest()
    assert feed.outcomes() == [(f"s{number}", "ingested") for number in range(1, 6)]


def test_a_geometry_that_fits_no_row_is_refused() -> None:
    ring = [[number / 1000, number / 1000] for number in range(2_000)]
    fields = {"name": "f", "url": "https://a.example", "collections": ["c"], "collection": "c"}
    with pytest.raises(ValueError, match="simplify its geometry"):
        parse_feed({**fields, "intersects": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}})


def test_a_feed_that_left_the_setting_stops_and_its_pause_stays(feed: Feeds) -> None:
    spec = {"name": feed.name, "url": feed.api.url, "collections": ["scenes"], "collection": feed.collection}

    def run(*listed: dict[str, Any]) -> FeedRow:
        settings = feed.app.settings.model_copy(update={"feeds": json.dumps(listed)})
        with contextlib.suppress(SettingsError):
            follow_feeds(replace(feed.app, settings=settings))
        return feed.row

    row = run(spec, {"name": "faulty"})
    assert (row.sent, row.error_code) == (5, "")
    (fault,) = feed.app.feeds.faults()
    assert "Entry 2 (faulty)" in fault
    feed.app.feeds.change(feed.name, lambda found: paused(found, feed.app.now()))
    before = len(feed.api.searches)
    assert run().wanted == ""
    row = run(spec)
    assert (row.paused_by, len(feed.api.searches)) == ("operator", before)


def test_a_look_back_beyond_the_retention_of_rows_is_refused(feed: Feeds) -> None:
    feed.add(look_back="P30D")
    short = replace(feed.app, settings=feed.app.settings.model_copy(update={"status_retention": timedelta(days=7)}))
    follow_feeds(short, only=feed.name)
    assert feed.row.error_code == "SettingsError"
    assert "STATUS_RETENTION" in feed.row.error_message
