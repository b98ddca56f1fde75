"""How operations end where the table and the service do not agree."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from shared.basics.errors import ErrorCode
from shared.basics.json_codec import write_json
from shared.clients import Clients, build_clients
from shared.delivery.poison import record_poison
from shared.items.ingestion import ingest_message
from shared.messages.models import QueueName
from shared.operations.closing import close
from shared.operations.endings import MAX_OPERATION_RETRIES, success
from shared.operations.tracking import track_operations
from shared.records.deadletters import body_of
from shared.records.status_rows import ItemRow, ItemStatus
from shared.settings import StorageConnection
from shared.storage.tables import STATUS
from tests.data.documents import item
from tests.properties.apps import Account, Clock, clear_queues, make_app, poison_desk, results, take_all
from tests.properties.catalog import COLLECTION, Catalog, wait_until

ONE_PASS = timedelta(seconds=0.9)  # shorter than the pause between two passes
NUMBERS = count()
NOWHERE = "http://127.0.0.1:1/account"
UNREACHABLE = f"AccountName=a;AccountKey=eA==;BlobEndpoint={NOWHERE};QueueEndpoint={NOWHERE};TableEndpoint={NOWHERE}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(account: Account, catalog: Catalog, clock: Clock) -> Clients:
    made = make_app(account, catalog.url, clock)
    clear_queues(made)
    catalog.reset()
    catalog.behave(forget_operations=False, operation_failures=[])
    made.storage.tables.delete_table(STATUS)
    return made


@pytest.fixture
def item_id() -> str:
    return f"closing-{next(NUMBERS)}"


def ingest(app: Clients, item_id: str, at: datetime | None = None, **properties: Any) -> None:
    document = item(item_id, COLLECTION, properties={"datetime": "2026-04-16T10:00:00Z", **properties})
    ingest_message(write_json(document), at or app.now(), app)


def row_of(app: Clients, item_id: str) -> ItemRow:
    row = app.status.get(COLLECTION, item_id)
    assert row
    return row


def wait_until_ended(app: Clients, item_id: str) -> None:
    operation_id = str(row_of(app, item_id).operation_id)
    wait_until(lambda: (app.geocatalog.get_operation(operation_id) or {}).get("status") == "Failed")


def fail_often(app: Clients, item_id: str) -> None:
    row = row_of(app, item_id)
    app.status.update(row, replace(row, operation_failures=MAX_OPERATION_RETRIES))


def outcomes(app: Clients) -> list[str]:
    return [result["outcome"] for result in results(app)]


def test_an_operation_whose_item_has_no_row_is_closed(app: Clients, catalog: Catalog, item_id: str) -> None:
    ingest(app, item_id)
    wait_until(lambda: catalog.item(item_id) is not None)
    app.storage.tables.get_table_client("status").delete_entity(COLLECTION, f"item~{item_id}")

    assert track_operations(app, budget=ONE_PASS) == 1
    assert app.status.open_operations(COLLECTION) == []
    assert app.status.get(COLLECTION, item_id) is None


def test_an_operation_of_an_earlier_collection_does_not_touch_the_row(
    app: Clients, catalog: Catalog, clock: Clock, item_id: str
) -> None:
    catalog.behave(ingest_seconds=[3600, 3600])
    ingest(app, item_id, version=1)
    earlier = row_of(app, item_id).operation_id
    clock.advance(timedelta(minutes=1))
    app.status.merge_collection(COLLECTION, {"created_at": app.now()})
    clock.advance(timedelta(minutes=1))

    ingest(app, item_id, version=2)
    assert row_of(app, item_id).operation_id != earlier
    assert app.geocatalog.cancel_operation(str(earlier))
    wait_until(lambda: (app.geocatalog.get_operation(str(earlier)) or {}).get("status") == "Canceled")
    assert track_operations(app, budget=ONE_PASS) == 1

    row = row_of(app, item_id)
    assert row.status is ItemStatus.SUBMITTED
    assert [operation.operation_id for operation in app.status.open_operations(COLLECTION)] == [row.operation_id]


def test_a_stalled_operation_gives_way_to_newer_content_and_no_longer_touches_the_row(
    app: Clients, catalog: Catalog, clock: Clock, item_id: str
) -> None:
    catalog.behave(ingest_seconds=[3600, 3600])
    ingest(app, item_id, version=1)
    stalled = row_of(app, item_id).operation_id
    clock.advance(timedelta(hours=25))

    ingest(app, item_id, version=2)
    assert row_of(app, item_id).operation_id != stalled
    assert app.geocatalog.cancel_operation(str(stalled))
    wait_until(lambda: (app.geocatalog.get_operation(str(stalled)) or {}).get("status") == "Canceled")
    assert track_operations(app, budget=ONE_PASS) == 1

    assert row_of(app, item_id).status is ItemStatus.SUBMITTED
    assert outcomes(app) == ["canceled"]


def test_a_forgotten_operation_that_did_its_work_is_a_success(
    app: Clients, catalog: Catalog, clock: Clock, item_id: str
) -> None:
    ingest(app, item_id)
    wait_until(lambda: catalog.item(item_id) is not None)
    catalog.behave(forget_operations=True)
    clock.advance(timedelta(minutes=2))

    assert track_operations(app, budget=ONE_PASS) == 1
    assert row_of(app, item_id).status is ItemStatus.SUCCEEDED
    assert outcomes(app) == ["ingested"]
    assert [method for method, _ in catalog.writes()] == ["POST"]


def test_a_forgotten_post_of_an_item_that_is_there_becomes_a_put(
    app: Clients, catalog: Catalog, clock: Clock, item_id: str
) -> None:
    """Nobody knew of the earlier version: its response was lost, or another wrote it."""
    app.geocatalog.post_item(COLLECTION, write_json(item(item_id, COLLECTION)))
    wait_until(lambda: catalog.item(item_id) is not None)
    catalog.behave(forget_operations=True)
    clock.advance(timedelta(minutes=2))
    ingest(app, item_id, content=2)
    clock.advance(timedelta(minutes=2))

    track_operations(app, budget=ONE_PASS)

    row = row_of(app, item_id)
    assert (row.status, row.in_catalog) == (ItemStatus.WAITING, True)


def test_a_forgotten_put_of_an_item_that_is_gone_becomes_a_post(
    app: Clients, catalog: Catalog, clock: Clock, item_id: str
) -> None:
    ingest(app, item_id)
    wait_until(lambda: bool(track_operations(app, budget=ONE_PASS)))
    catalog.behave(ingest_seconds=[3600, 3600])
    ingest(app, item_id, content=2)
    catalog.behave(ingest_seconds=[0, 0], forget_operations=True)
    app.geocatalog.delete_item(COLLECTION, item_id)
    wait_until(lambda: catalog.item(item_id) is None)
    clock.advance(timedelta(minutes=2))

    track_operations(app, budget=ONE_PASS)

    row = row_of(app, item_id)
    assert (row.status, row.in_catalog) == (ItemStatus.WAITING, False)


def test_a_service_that_contradicts_itself_is_asked_ever_more_seldom(
    app: Clients, catalog: Catalog, item_id: str
) -> None:
    """POST says that the item exists, PUT that it does not: no tight loop may come of it."""
    catalog.behave(operation_failures=[{"code": "ItemAlreadyExistsInCollection"}])
    ingest(app, item_id)
    fail_often(app, item_id)
    wait_until_ended(app, item_id)

    track_operations(app, budget=ONE_PASS)

    row = row_of(app, item_id)
    assert row.status is ItemStatus.WAITING
    assert row.next_attempt
    assert row.next_attempt - app.now() > timedelta(minutes=10)


def test_such_a_service_is_given_up_in_the_end(app: Clients, catalog: Catalog, clock: Clock, item_id: str) -> None:
    catalog.behave(operation_failures=[{"code": "ItemAlreadyExistsInCollection"}])
    since = app.now()
    message = {"item": item(item_id, COLLECTION), "attempt": 9, "retry_since": since.isoformat()}
    ingest_message(write_json(message), app.now(), app)
    wait_until_ended(app, item_id)
    clock.advance(timedelta(days=8))

    track_operations(app, budget=ONE_PASS)

    assert row_of(app, item_id).status is ItemStatus.FAILED
    assert outcomes(app) == ["failed"]


def test_what_an_outage_cost_does_not_count_as_a_failed_operation(app: Clients, catalog: Catalog, item_id: str) -> None:
    catalog.behave(operation_failures=[{"code": "InternalError", "count": 1}])
    message = {"item": item(item_id, COLLECTION), "attempt": MAX_OPERATION_RETRIES + 5}
    ingest_message(write_json(message), app.now(), app)
    wait_until_ended(app, item_id)

    track_operations(app, budget=ONE_PASS)

    row = row_of(app, item_id)
    assert (row.status, row.operation_failures) == (ItemStatus.WAITING, 1)
    assert row.next_attempt
    assert row.next_attempt - app.now() < timedelta(minutes=1)


def test_an_operation_that_fails_again_and_again_is_given_up(app: Clients, catalog: Catalog, item_id: str) -> None:
    catalog.behave(operation_failures=[{"code": "InternalError"}])
    ingest(app, item_id)
    fail_often(app, item_id)
    wait_until_ended(app, item_id)

    track_operations(app, budget=ONE_PASS)

    assert row_of(app, item_id).status is ItemStatus.FAILED
    ingest(app, item_id, content=2)
    assert row_of(app, item_id).operation_failures == 0


def test_a_run_whose_time_went_into_finding_what_is_open_closes_it(
    app: Clients, catalog: Catalog, item_id: str
) -> None:
    ingest(app, item_id)
    wait_until(lambda: catalog.item(item_id) is not None)

    assert track_operations(app, budget=timedelta(0)) == 1

    assert outcomes(app) == ["ingested"]


def test_a_closing_without_time_announces_nothing_that_it_does_not_close(
    app: Clients, catalog: Catalog, item_id: str
) -> None:
    ingest(app, item_id)
    wait_until(lambda: catalog.item(item_id) is not None)
    endings = [success(operation) for operation in app.status.open_operations(COLLECTION)]

    assert close(endings, app, end=time.monotonic()) == 0

    assert outcomes(app) == []
    assert len(app.status.open_operations(COLLECTION)) == 1


@pytest.mark.both_storages
def test_operations_that_no_transaction_takes_together_are_closed_each_by_itself(
    app: Clients, catalog: Catalog, item_id: str
) -> None:
    """Two operations of one row, as a hand-made one would be, must not keep all of the collection open for ever."""
    ids = [item_id, f"{item_id}-b", f"{item_id}-c", f"{item_id}-d"]
    for one in ids:
        ingest(app, one)
    for one in ids:
        wait_until(lambda one=one: catalog.item(one) is not None)  # type: ignore[misc]
    operation = app.status.get_operation(COLLECTION, str(row_of(app, ids[1]).operation_id))
    assert operation
    entity = {"PartitionKey": COLLECTION, "RowKey": f"operation~{operation.operation_id}", "item_id": item_id}
    app.status.transact([("update", entity, {"mode": "merge"})])

    assert track_operations(app, budget=ONE_PASS) == len(ids)
    assert app.status.open_operations(COLLECTION) == []


def test_a_row_that_cannot_be_read_stops_no_other_operation(app: Clients, catalog: Catalog, item_id: str) -> None:
    catalog.behave(operation_failures=[{"code": "InternalError", "count": 1}])
    ingest(app, item_id)
    wait_until_ended(app, item_id)
    broken = row_of(app, item_id)
    app.status.update(broken, replace(broken, message=b"not what the app wrote"))
    ingest(app, f"{item_id}-good")
    wait_until(lambda: catalog.item(f"{item_id}-good") is not None)

    assert track_operations(app, budget=ONE_PASS) == 1
    assert row_of(app, f"{item_id}-good").status is ItemStatus.SUCCEEDED
    (left,) = app.status.open_operations(COLLECTION)
    assert left.item_id == item_id
    assert "failed unexpectedly" in str(left.error_message)
    assert left.next_poll
    assert left.next_poll > app.now()


def test_a_poisoned_message_too_large_to_send_again_is_a_dead_letter(app: Clients) -> None:
    raw = write_json({"href": "https://a.example/x", "drop_assets": ["x" * 50_000]})

    record_poison(QueueName.ITEMS, raw, app.now(), poison_desk(app))

    assert outcomes(app) == ["rejected"]
    assert list(take_all(app.queues.client(QueueName.ITEMS))) == []


def test_a_poisoned_message_that_cannot_be_handled_is_a_dead_letter_and_does_not_come_back(app: Clients) -> None:
    keys = {"PartitionKey": COLLECTION, "RowKey": "item~unreadable"}
    app.status.transact([("create", {**keys, "status": "NoSuchState"})])
    raw = write_json({"item": item("unreadable", COLLECTION), "crashes": 1})
    try:
        record_poison(QueueName.ITEMS, raw, app.now(), poison_desk(app))
    finally:
        app.status.transact([("delete", keys)])

    assert outcomes(app) == ["rejected"]
    [letter] = [row for row in app.deadletters.rows(QueueName.ITEMS) if body_of(row) == raw]
    assert letter["error_code"] == ErrorCode.REPEATED_CRASH
    assert "failed too" in letter["reason"]


def test_a_poisoned_message_is_kept_while_the_storage_does_not_answer(app: Clients) -> None:
    away = build_clients(
        app.settings.model_copy(update={"storage": StorageConnection(connection_string=UNREACHABLE)}),
        credential=app.credential,
    )
    with pytest.raises(AzureError):
        record_poison(QueueName.ITEMS, write_json({"item": item("kept", COLLECTION)}), app.now(), poison_desk(away))
