"""What waits comes back once, keeps the pause that GeoCatalog asked for, and is given up where it crashes."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from shared.basics.errors import ErrorCode
from shared.clients import Clients
from shared.collections.configure import configure_message
from shared.collections.deletions_queue import delete_message
from shared.delivery.poison import record_poison
from shared.items.claiming import claimed_row
from shared.items.ingestion import ingest_message
from shared.items.work import Work
from shared.messages.envelope import read_envelope
from shared.messages.models import QueueName
from shared.messages.reading import parse_item_message
from shared.operations.tracking import track_operations
from shared.records.status_rows import ItemStatus
from shared.storage.payloads import Payloads
from shared.storage.queues import Queues
from tests.data.documents import collection, item
from tests.properties.apps import (
    Account,
    Clock,
    clear_queues,
    decoded,
    make_app,
    make_quick_app,
    message_count,
    poison_desk,
    results,
)
from tests.properties.catalog import COLLECTION, Catalog, wait_until
from tests.properties.collection_desk import Desk

DATED = {"datetime": "2026-04-16T10:00:00Z"}


@pytest.fixture
def app(account: Account, catalog: Catalog) -> Clients:
    """Build clients on empty queues, with delays of seconds."""
    made = make_quick_app(account, catalog.url)
    clear_queues(made)
    catalog.reset()
    return made


@pytest.fixture
def pausing(account: Account, catalog: Catalog, clock: Clock) -> Clients:
    """Build clients with the real delays, on a clock that the test moves."""
    made = make_app(account, catalog.url, clock)
    clear_queues(made)
    catalog.reset()
    return made


@pytest.fixture
def clock() -> Clock:
    """Give a clock that can be moved on."""
    return Clock()


def waiting(app: Clients) -> list[dict[str, Any]]:
    """Give the messages that wait on queue `items`, once they are visible."""
    found: list[Any] = []
    while len(found) < message_count(app, QueueName.ITEMS):
        found += list(app.queues.client(QueueName.ITEMS).receive_messages(messages_per_page=32, max_messages=32))
    return [decoded(message.content) for message in found]


def encoded(message: dict[str, Any]) -> bytes:
    return base64.b64encode(encoded_json(message))


def encoded_json(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def waiting_hidden(app: Clients, queue: QueueName) -> int:
    """Count the messages of a queue, none of which may be visible."""
    assert not list(app.queues.client(queue).peek_messages())
    return message_count(app, queue)


def test_an_attempt_that_no_column_holds_is_not_counted_on(app: Clients, catalog: Catalog) -> None:
    catalog.behave(faults=[{"method": "POST", "kind": "status", "status": 403, "count": 1}])
    forged = {"item": item("forged", collection=COLLECTION), "attempt": 2**31 - 1}

    ingest_message(encoded(forged), app.now(), app)

    row = app.status.get(COLLECTION, "forged")
    assert row is not None
    assert row.status is ItemStatus.HELD
    (copy,) = waiting(app)
    assert parse_item_message(copy).attempt == row.attempt == forged["attempt"]


def test_a_moment_ahead_of_the_queue_does_not_supersede_what_follows(app: Clients, catalog: Catalog) -> None:
    catalog.behave(faults=[{"method": "POST", "kind": "status", "status": 403, "count": 1}])
    sent = app.now()
    forged = {"item": item("ahead", collection=COLLECTION), "first_enqueued": "2999-01-01T00:00:00Z"}

    ingest_message(encoded(forged), sent, app)

    row = app.status.get(COLLECTION, "ahead")
    assert row is not None
    assert row.first_enqueued == sent


def test_a_version_that_is_no_longer_served_holds_items(account: Account, catalog: Catalog, app: Clients) -> None:
    old = make_quick_app(account, catalog.url, GEOCATALOG_API_VERSION="2024-01-31-preview")

    ingest_message(encoded({"item": item("versioned", collection=COLLECTION)}), old.now(), old)

    row = app.status.get(COLLECTION, "versioned")
    assert row is not None
    assert (row.status, row.error_code) == (ItemStatus.HELD, "UnsupportedApiVersionValue")
    assert "GEOCATALOG_API_VERSION" in str(row.error_message)


def test_an_item_that_only_waits_in_line_is_not_given_up(account: Account, catalog: Catalog) -> None:
    desk = Desk(account, catalog)
    desk.clear()
    desk.send({"item": item("in-line", collection=COLLECTION), "force": True}, QueueName.ITEMS)
    failed = {"attempt": 1, "retry_since": desk.clock.now().isoformat()}
    desk.send({"item": item("failed-once", collection=COLLECTION), "force": True, **failed}, QueueName.ITEMS)
    for _ in range(3):
        desk.app.pause.pause(timedelta(minutes=10))
        assert desk.deliver() == 2
        desk.clock.advance(timedelta(days=5))
    assert ("POST", f"/stac/collections/{COLLECTION}/items") not in catalog.writes()

    desk.settle()

    ended = sorted((result["id"], result["outcome"]) for result in desk.announced)
    assert ended == [("failed-once", "ingested"), ("in-line", "ingested")]


def test_operations_are_not_asked_for_during_a_pause(pausing: Clients, catalog: Catalog, clock: Clock) -> None:
    message = {"item": item("paused", collection=COLLECTION), "force": True}
    ingest_message(encoded(message), pausing.now(), pausing)
    pausing.pause.pause(timedelta(minutes=10))
    asked = len(catalog.requests())

    assert track_operations(pausing) == 0
    assert len(catalog.requests()) == asked

    clock.advance(timedelta(minutes=11))
    assert track_operations(pausing) == 1
    assert [result["id"] for result in results(pausing)] == ["paused"]


def test_an_item_that_a_message_names_is_failed_where_it_crashes(app: Clients, catalog: Catalog) -> None:
    content = json.dumps(item("crashing", collection=COLLECTION))
    blob = app.storage.blobs.get_container_client("incoming").upload_blob("crashing.json", content, overwrite=True)
    catalog.behave(faults=[{"method": "POST", "kind": "status", "status": 403, "count": 1}])
    ingest_message(encoded({"href": blob.url}), app.now(), app)
    (copy,) = waiting(app)

    record_poison(QueueName.ITEMS, encoded({**copy, "crashes": 1}), app.now(), poison_desk(app))

    row = app.status.get(COLLECTION, "crashing")
    assert row is not None
    assert (row.status, row.error_code) == (ItemStatus.FAILED, ErrorCode.REPEATED_CRASH)
    assert [(one["id"], one["outcome"]) for one in results(app)] == [("crashing", "failed")]


def test_a_file_that_takes_too_much_memory_is_not_parsed_where_it_crashed(app: Clients) -> None:
    swollen = item("swollen", collection=COLLECTION) | {"x": [[]] * 600_000}
    content = json.dumps(swollen, separators=(",", ":"))
    blob = app.storage.blobs.get_container_client("incoming").upload_blob("swollen.json", content, overwrite=True)

    record_poison(QueueName.ITEMS, encoded({"href": blob.url, "attempt": 1, "crashes": 1}), app.now(), poison_desk(app))

    assert len(content) < 2 * 1024 * 1024
    assert app.status.get(COLLECTION, "swollen") is None
    assert [(told["outcome"], told["error_code"]) for told in results(app)] == [("rejected", ErrorCode.REPEATED_CRASH)]


def test_an_item_that_a_file_held_outlives_the_file(app: Clients, catalog: Catalog) -> None:
    for size, item_id in ((10, "kept-small"), (60_000, "kept-large")):
        content = json.dumps(item(item_id, collection=COLLECTION, properties={**DATED, "note": "x" * size}))
        blob = app.storage.blobs.get_container_client("incoming").upload_blob(f"{item_id}.json", content)
        catalog.behave(faults=[{"method": "POST", "kind": "status", "status": 403, "count": 1}])
        ingest_message(encoded({"href": blob.url, "correlation_id": item_id}), app.now(), app)
        blob.delete_blob()
        (copy,) = waiting(app)
        clear_queues(app)

        ingest_message(encoded(copy), app.now(), app)

        wait_until(lambda item_id=item_id: catalog.item(item_id) is not None)  # type: ignore[misc]
        row = app.status.get(COLLECTION, item_id)
        assert row is not None
        assert (row.status, row.correlation_id) == (ItemStatus.SUBMITTED, item_id)
        assert results(app) == []


def test_an_item_that_cannot_be_kept_now_is_delayed(app: Clients, catalog: Catalog) -> None:
    nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a"
    payloads = Payloads(BlobServiceClient.from_connection_string(nowhere, retry_total=0))
    queues = Queues(app.storage.queues, payloads, results_queue=app.settings.results_queue)
    content = json.dumps(item("not-kept", collection=COLLECTION, properties={**DATED, "note": "x" * 60_000}))
    blob = app.storage.blobs.get_container_client("incoming").upload_blob("not-kept.json", content)

    ingest_message(encoded({"href": blob.url}), app.now(), replace(app, queues=queues))

    assert [copy["href"] for copy in waiting(app)] == [blob.url]
    assert catalog.writes() == []
    assert results(app) == []


@pytest.mark.both_storages
def test_the_own_rate_makes_nobody_else_wait(account: Account, catalog: Catalog) -> None:
    app = make_app(account, catalog.url, MAX_REQUESTS_PER_SECOND="0.1")
    clear_queues(app)
    catalog.reset()
    for number in range(2):
        ingest_message(encoded({"item": item(f"paced-{number}", collection=COLLECTION)}), app.now(), app)

    row = app.status.get(COLLECTION, "paced-1")
    assert row is not None
    assert (row.status, row.error_code, row.attempt) == (ItemStatus.WAITING, ErrorCode.THROTTLED, 0)
    assert app.pause.remaining() == timedelta(0)
    assert message_count(app, QueueName.ITEMS) == 1


@pytest.mark.both_storages
def test_a_pause_long_after_another_is_short_again(pausing: Clients, clock: Clock) -> None:
    for _ in range(8):
        pausing.pause.pause(None)
        longest = pausing.pause.remaining()
        clock.advance(longest)
    assert longest > timedelta(minutes=5)

    clock.advance(timedelta(days=1))
    pausing.pause.pause(None)

    assert pausing.pause.remaining() < timedelta(seconds=10)


def test_what_comes_back_from_the_poison_queue_does_not_become_the_newest(app: Clients) -> None:
    old = {"item": item("poisoned", collection=COLLECTION, properties={**DATED, "content": 1})}
    new = {"item": item("poisoned", collection=COLLECTION, properties={**DATED, "content": 2})}
    poisoned_at = app.now()  # after ten tries, which took 270 ms at this time scale
    ingest_message(encoded(new), poisoned_at - timedelta(milliseconds=200), app)
    submitted = app.status.get(COLLECTION, "poisoned")
    record_poison(QueueName.ITEMS, encoded(old), poisoned_at, poison_desk(app))
    (copy,) = waiting(app)

    ingest_message(encoded(copy), app.now(), app)

    assert [result["outcome"] for result in results(app, "poisoned")] == ["superseded"]
    assert app.status.get(COLLECTION, "poisoned") == submitted


def test_the_pause_lasts_as_long_as_the_service_asked(pausing: Clients, catalog: Catalog, clock: Clock) -> None:
    hour = 3600
    refusal = {"method": "POST", "kind": "status", "status": 429, "retry_after": hour, "count": 1}
    catalog.behave(faults=[refusal])
    ingest_message(encoded(item("patient", collection=COLLECTION)), pausing.now(), pausing)
    assert timedelta(minutes=59) < pausing.pause.remaining() <= timedelta(hours=1)
    clock.advance(timedelta(minutes=59))
    assert timedelta(0) < pausing.pause.remaining() <= timedelta(minutes=1)


@pytest.mark.parametrize("prefix", ["/wrong", ""])
def test_a_404_asks_for_the_collection_only_where_geocatalog_said_it(
    account: Account, catalog: Catalog, app: Clients, prefix: str
) -> None:
    lost = make_quick_app(account, catalog.url + prefix)
    ingest_message(encoded(item(f"lost{len(prefix)}", collection="nowhere-yet")), app.now(), lost)
    row = app.status.get("nowhere-yet", f"lost{len(prefix)}")
    assert row
    assert row.status is ItemStatus.HELD
    assert row.error_code == (ErrorCode.WRONG_ADDRESS if prefix else ErrorCode.NO_COLLECTION)
    assert ("Check GEOCATALOG_URL" if prefix else "Create the collection") in str(row.error_message)


def test_an_older_message_from_the_poison_queue_leaves_newer_work_alone(app: Clients) -> None:
    newer = read_envelope(QueueName.ITEMS, encoded_json(item("twice", COLLECTION, version=2)), app.now())
    claim = claimed_row(
        None, Work(COLLECTION, "twice", newer, content_hash="newer"), "owner", app.now(), timedelta(hours=1)
    )
    assert app.status.insert(claim)
    older = {"item": item("twice", COLLECTION), "crashes": 1, "attempt": 0, "first_enqueued": "2026-01-01T00:00:00Z"}

    record_poison(QueueName.ITEMS, encoded(older), app.now(), poison_desk(app))

    row = app.status.get(COLLECTION, "twice")
    assert row
    assert (row.status, row.error_code) == (ItemStatus.SUBMITTING, None)
    (told,) = results(app)
    assert (told["outcome"], told["error_code"]) == ("rejected", ErrorCode.REPEATED_CRASH)


def test_items_of_a_collection_from_the_poison_queue_stay_as_old_as_it_is(app: Clients) -> None:
    old = {"type": "FeatureCollection", "features": [item("old", COLLECTION)], "attempt": 1}
    ingest_message(encoded({**old, "first_enqueued": "2026-01-01T00:00:00Z"}), app.now(), app)
    (copy,) = waiting(app)
    assert str(copy["first_enqueued"]).startswith("2026-01-01T00:00:00")


def test_a_deletion_from_the_future_does_not_supersede_what_follows(app: Clients) -> None:
    deletion = {"collection": COLLECTION, "id": "deleted-2099", "attempt": 1, "first_enqueued": "2099-01-01T00:00:00Z"}
    delete_message(encoded(deletion), app.now(), app)
    row = app.status.get(COLLECTION, "deleted-2099")
    assert row
    assert row.first_enqueued <= app.now()
    ingest_message(encoded(item("deleted-2099", collection=COLLECTION)), app.now() + timedelta(minutes=1), app)
    assert "superseded" not in [result["outcome"] for result in results(app)]


def test_a_message_that_keeps_the_pause_makes_no_attempt_and_no_longer_pause(
    pausing: Clients, catalog: Catalog, clock: Clock
) -> None:
    refusal = {"method": "GET", "path": "/stac/collections/*", "kind": "status", "status": 429, "retry_after": 60}
    catalog.behave(faults=[{**refusal, "count": 1}])
    message: dict[str, Any] = {"definition": collection(COLLECTION)}
    configure_message(encoded(message), pausing.now(), pausing)
    first = pausing.pause.remaining()
    assert timedelta(seconds=50) < first <= timedelta(seconds=60)
    assert waiting_hidden(pausing, QueueName.COLLECTIONS) == 1

    clock.advance(timedelta(seconds=30))
    again = {
        **message,
        "attempt": 1,
        "first_enqueued": pausing.now().isoformat(),
        "retry_since": pausing.now().isoformat(),
    }
    configure_message(encoded(again), pausing.now(), pausing)
    assert pausing.pause.remaining() <= timedelta(seconds=30)
    assert waiting_hidden(pausing, QueueName.COLLECTIONS) == 2
