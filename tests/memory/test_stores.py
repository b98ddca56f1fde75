"""The app's own stores do the same on the account in memory as on Azurite."""

import json
import uuid
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.basics.errors import BadMessage, Unavailable
from shared.messages.models import QueueName
from shared.records.deadletters import DeadLetters, body_of
from shared.records.fan_out_store import FanOutStore, Progress
from shared.records.shared_pause import SharedPause
from shared.records.source_store import SourceStore
from shared.records.status_rows import ItemRow, ItemStatus, OperationKind, OperationRow
from shared.records.status_store import StatusStore
from shared.storage.group_commit import Conflict
from shared.storage.payloads import Payloads
from shared.storage.queues import Queues
from shared.timings import Timings
from tests.data.documents import item
from tests.memory.conftest import Storage
from tests.properties.apps import decoded

pytestmark = pytest.mark.both_storages

NOW = datetime(2026, 4, 16, 10, tzinfo=UTC)


@pytest.fixture
def collection() -> str:
    return f"contract-{uuid.uuid4().hex}"


@pytest.fixture
def status(storage: Storage) -> StatusStore:
    return StatusStore(storage.clients.tables)


@pytest.fixture
def queues(storage: Storage) -> Queues:
    results = f"results-{uuid.uuid4().hex}"
    return Queues(storage.clients.queues, Payloads(storage.clients.blobs), results_queue=results)


def a_row(collection: str, item_id: str = "a") -> ItemRow:
    return ItemRow(collection, item_id, ItemStatus.SUBMITTING, QueueName.ITEMS, NOW, message=zlib.compress(b"{}"))


def an_operation(collection: str, item_id: str = "a") -> OperationRow:
    return OperationRow(collection, f"operation-{item_id}", OperationKind.ADD_ITEM, NOW, item_id)


def keys(status: StatusStore, collection: str, prefix: str) -> list[str]:
    return [str(row["RowKey"]) for row in status.query_prefix(collection, prefix)]


# Table status


def test_of_two_that_insert_an_item_one_does(status: StatusStore, collection: str) -> None:
    inserted = status.insert(a_row(collection))
    assert inserted
    assert status.insert(a_row(collection)) is None
    assert status.get(collection, "a") == a_row(collection)
    assert (status.get(collection, "a") or inserted).etag == inserted.etag != ""


def test_of_two_that_update_an_item_one_does_and_the_indexes_follow(status: StatusStore, collection: str) -> None:
    inserted = status.insert(a_row(collection))
    assert inserted
    failed = status.update(inserted, inserted.changed(ItemStatus.FAILED, NOW, error_code="Bad", error_message="No."))
    with pytest.raises(Conflict):
        status.update(inserted, inserted.changed(ItemStatus.HELD, NOW))
    assert keys(status, collection, "failed~") == ["failed~a"]
    assert keys(status, collection, "held~") == []

    status.update(failed, failed.changed(ItemStatus.HELD, NOW))

    assert keys(status, collection, "failed~") == []
    assert keys(status, collection, "held~") == ["held~a"]


def test_an_item_is_submitted_with_its_operation_or_not_at_all(status: StatusStore, collection: str) -> None:
    inserted = status.insert(a_row(collection))
    assert inserted
    submitted = inserted.changed(ItemStatus.SUBMITTED, NOW, operation_id="operation-a")
    with pytest.raises(Conflict):
        status.submit(replace(inserted, etag='W/"x"'), submitted, an_operation(collection))
    assert status.open_operations(collection) == []
    status.submit(inserted, submitted, an_operation(collection))
    assert status.open_operations(collection) == [an_operation(collection)]
    assert status.get(collection, "a") == submitted


def test_rows_are_found_by_prefix_state_and_mark(status: StatusStore, collection: str) -> None:
    for number, state in enumerate([ItemStatus.FAILED, ItemStatus.HELD, ItemStatus.SUCCEEDED, ItemStatus.WAITING]):
        mark = "mine" if number % 2 else "other"
        status.insert(replace(a_row(collection, f"{number}"), status=state, correlation_id=mark))
    wanted = {ItemStatus.FAILED, ItemStatus.SUCCEEDED}
    found = status.query_prefix(collection, "item~", states=wanted, or_marked="mine", select=["RowKey"])
    assert [row["RowKey"] for row in found] == ["item~0", "item~1", "item~2", "item~3"]
    found = status.query_prefix(collection, "item~", states=wanted, select=["RowKey"])
    assert [row["RowKey"] for row in found] == ["item~0", "item~2"]
    assert collection in status.partitions()


def test_a_collections_row_is_written_under_its_version(status: StatusStore, collection: str) -> None:
    first = status.merge_collection(collection, {"claimed_by": "a", "kept": 1}, etag="")
    with pytest.raises(Conflict):
        status.merge_collection(collection, {"claimed_by": "b"}, etag="")
    second = status.merge_collection(collection, {"claimed_by": "b"}, etag=first)
    with pytest.raises(Conflict):
        status.merge_collection(collection, {"claimed_by": "c"}, etag=first)
    assert second != first
    row = status.get_collection(collection)
    assert (row["claimed_by"], row["kept"]) == ("b", 1)


# Queues and payloads


def test_a_message_is_sent_with_its_delay_and_a_large_one_by_reference(storage: Storage, queues: Queues) -> None:
    name = f"contract-{uuid.uuid4().hex}"
    queues.send(name, {"item": item("small")}, delay=timedelta(seconds=1))
    client = queues.client(name)
    assert client.peek_messages() == []
    storage.wait_until(lambda: bool(client.peek_messages()))
    (message,) = client.receive_messages(visibility_timeout=60)
    assert decoded(str(message.content)) == {"item": item("small")}
    assert message.dequeue_count == 1
    assert message.expires_on
    assert message.expires_on.year == 9999
    client.delete_message(message)

    large = item("large", properties={"datetime": "2026-04-16T10:00:00Z", "text": "x" * 60_000})
    assert len(queues.fitted(QueueName.ITEMS, {"item": large, "force": True})) < 1_000
    fitted = json.loads(queues.fitted(QueueName.ITEMS, {"item": large, "force": True}))
    blob = storage.clients.blobs.get_blob_client("payloads", str(fitted["href"]).rpartition("/")[2])
    assert json.loads(blob.download_blob().readall()) == large
    with pytest.raises(BadMessage):
        queues.fitted(QueueName.ITEMS, {"href": "https://a.example/x", "drop_assets": ["x" * 60_000]})


# The other tables, and progress


def test_a_source_is_merged_updated_and_forgotten_only_as_it_was_read(storage: Storage) -> None:
    sources, key = SourceStore(storage.clients.tables), f"ours~{uuid.uuid4().hex}"
    assert not sources.update(key, {"is_resumed": True})
    sources.merge(key, {"container_url": "https://ours.blob.core.windows.net/c", "expires_at": NOW})
    (read,) = (row for row in sources.rows() if row["RowKey"] == key)
    assert sources.update(key, {"is_resumed": True})
    assert not sources.delete_unchanged(read)
    (read,) = (row for row in sources.rows() if row["RowKey"] == key)
    assert (read["is_resumed"], read["expires_at"]) == (True, NOW)
    assert sources.delete_unchanged(read)
    assert sources.get(key) is None
    sources.note_faults(["é"])
    assert sources.faults() == ["é"]


def test_the_same_dead_letter_is_counted_and_one_that_came_anew_stays(storage: Storage) -> None:
    letters, queue = DeadLetters(storage.clients.tables, now=lambda: NOW), f"q{uuid.uuid4().hex}"
    letters.record(queue, b"\xff", BadMessage("No."))
    (read,) = letters.rows(queue)
    letters.record(queue, b"\xff", BadMessage("No."))
    letters.forget(read)
    (read,) = letters.rows(queue)
    assert (read["count"], body_of(read), read["last_seen"]) == (2, b"\xff", NOW)
    letters.forget(read)
    assert list(letters.rows(queue)) == []


def test_a_pause_is_seen_by_another_instance(storage: Storage) -> None:
    pauses = [SharedPause(storage.clients.tables, Timings(), now=lambda: NOW) for _ in range(2)]
    pauses[0].pause(timedelta(minutes=1))
    assert pauses[1].remaining() == timedelta(minutes=1)


def test_of_two_runs_that_write_their_progress_one_does(storage: Storage) -> None:
    stores = [FanOutStore(storage.clients.blobs, name) for name in [uuid.uuid4().hex] * 2]
    writes: list[Callable[[], Progress]] = [lambda store=store: store.write(Progress(5)) for store in stores]  # type: ignore[misc]
    first = writes[0]()
    with pytest.raises(Unavailable):
        writes[1]()
    assert stores[1].read() == first
    assert stores[1].write(replace(first, sent=9)).sent == 9
    with pytest.raises(Unavailable):
        stores[0].write(replace(first, sent=7))
