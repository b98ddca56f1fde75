import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.basics.errors import LostResponse, NotYet, Unavailable
from shared.basics.json_codec import read_json, write_json
from shared.delivery.delays import grown_delay, operation_wait, retry_delay
from shared.items.claiming import claimed_row
from shared.items.work import Work
from shared.messages.envelope import Envelope, read_envelope
from shared.messages.models import DeletionMessage, IfExists, QueueName
from shared.messages.reading import parse_item_message, parse_message
from shared.records.status_rows import HISTORY_LENGTH, ItemRow, ItemStatus, item_row, to_entity
from shared.stac.items import prepare_item
from shared.timings import Timings
from tests.data.documents import item

NOW = datetime(2026, 4, 16, 10, tzinfo=UTC)
SENT = NOW - timedelta(minutes=1)
TIMINGS = Timings()
OF_ENVELOPE = {"queue", "body", "first_enqueued", "attempt", "correlation_id", "retry_since", "traceparent"}


def envelope(fields: dict[str, Any], queue: QueueName = QueueName.ITEMS, **kept: Any) -> Envelope:
    return replace(read_envelope(queue, write_json(fields), SENT), **kept)


def work(**changes: Any) -> Work:
    document = item()
    prepared = prepare_item(document, collection="scenes", planetary_computer_url="https://pc.example")
    kept = {name: changes.pop(name) for name in OF_ENVELOPE & changes.keys()}
    base = Work(
        "scenes", "scene-1", envelope({"item": document}, **kept), prepared=prepared, content_hash=prepared.content_hash
    )
    return replace(base, **changes)


def claimed(row: ItemRow | None, wanted: Work, owner: str = "owner") -> ItemRow:
    return claimed_row(row, wanted, owner, NOW, TIMINGS.claim)


# The wait before the next try


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(0, 15), (1, 30), (2, 60), (5, 480), (6, 900), (20, 900), (2**31 - 1, 900)]
)
def test_delays_grow_to_a_quarter_of_an_hour(attempt: int, seconds: int) -> None:
    for _ in range(50):
        delay = grown_delay(attempt, TIMINGS)
        assert timedelta(seconds=seconds) * 0.8 <= delay <= timedelta(seconds=seconds) * 1.2


def test_delays_are_spread() -> None:
    assert len({grown_delay(3, TIMINGS) for _ in range(20)}) > 1


def test_what_the_service_asks_for_is_kept() -> None:
    assert retry_delay(0, Unavailable("x", retry_after=timedelta(minutes=5)), TIMINGS) >= timedelta(minutes=5)
    assert retry_delay(0, LostResponse("x"), TIMINGS) <= timedelta(seconds=18)


@pytest.mark.parametrize(("age", "wait"), [(0, 20), (60, 20), (400, 100), (3_600, 900), (86_400, 900)])
def test_the_wait_behind_an_operation_grows_with_its_age(age: float, wait: float) -> None:
    waits = {operation_wait(timedelta(seconds=age), TIMINGS) for _ in range(50)}

    assert len(waits) > 1
    assert timedelta(seconds=wait) * 0.8 <= min(waits) <= max(waits) <= timedelta(seconds=wait) * 1.2


# The columns of a claim


def test_a_claim_on_an_unknown_item() -> None:
    wanted = work(attempt=2, retry_since=SENT, if_exists=IfExists.SKIP, traceparent="t")

    row = claimed(None, wanted)

    assert row.status is ItemStatus.SUBMITTING
    assert row.claimed_by
    assert row.claimed_at == NOW
    assert row.claimed_until == NOW + timedelta(minutes=6)
    assert row.first_enqueued == SENT
    assert row.content_hash == wanted.content_hash
    assert row.attempt == 2
    assert row.retry_since == SENT
    assert row.if_exists == "skip"
    assert row.correlation_id == wanted.envelope.correlation_id
    assert row.traceparent == "t"
    assert row.datetime == "2026-04-16T10:00:00Z"
    assert row.bbox == "[11.5,48.1,11.5,48.1]"
    assert row.in_catalog is None
    assert row.uncertain_since is None
    assert row.history == ({"at": "2026-04-16T10:00:00Z", "status": "Submitting"},)
    assert zlib.decompress(row.message) == wanted.envelope.body


def test_a_claim_clears_what_the_last_work_left() -> None:
    before = ItemRow(
        "scenes", "scene-1", ItemStatus.FAILED, "items", SENT, in_catalog=True, content_hash="b", error_code="X",
        error_message="x", operation_id="1", submitted_at=SENT, finished_at=SENT, next_attempt=SENT,
        quiet_until=SENT, uncertain_since=SENT,
    )  # fmt: skip

    row = claimed(before, work())

    assert (row.error_code, row.error_message, row.operation_id) == (None, None, None)
    assert (row.submitted_at, row.finished_at, row.next_attempt) == (None, None, None)
    assert (row.quiet_until, row.uncertain_since) == (None, None)
    assert row.in_catalog is True


def test_who_takes_over_a_dead_claim_of_the_same_content_does_not_know_what_was_written() -> None:
    wanted = work()
    dead = replace(claimed(None, wanted), claimed_at=SENT, claimed_until=NOW)

    row = claimed(dead, wanted, "another")

    assert row.uncertain_since == SENT
    assert row.claimed_by == "another"
    assert claimed(replace(row, claimed_at=NOW), wanted).uncertain_since == SENT


def test_same_content_keeps_the_later_moment() -> None:
    before = claimed(None, work(first_enqueued=NOW))

    assert claimed(before, work()).first_enqueued == NOW
    assert claimed(before, work(content_hash="b")).first_enqueued == SENT


def test_history_ends() -> None:
    row = claimed(None, work())
    for _ in range(2 * HISTORY_LENGTH):
        row = claimed(row, work())

    assert len(row.history) == HISTORY_LENGTH


def test_a_row_is_read_as_it_was_written() -> None:
    row = claimed(None, work(version=SENT, retry_since=SENT))

    assert item_row(to_entity(row)) == row


# The message to send again


def test_the_copy_of_a_bare_item_is_a_message() -> None:
    first = envelope(item())

    again = parse_item_message(first.counted(NOW).again())

    assert again.item == item()
    assert (again.attempt, again.retry_since, again.first_enqueued) == (1, NOW, SENT)
    assert parse_item_message(first.marked().again()).correlation_id == first.correlation_id


def test_the_copy_keeps_what_the_message_said() -> None:
    fields = {
        "href": "https://a.example/x",
        "force": True,
        "if_exists": "fail",
        "drop_assets": ["a"],
        "version_by": "v",
    }

    again = envelope(fields, attempt=3).again()

    assert {name: again[name] for name in fields} == fields
    assert again["attempt"] == 3


def test_the_copy_of_a_copy_differs_in_its_attempt_only() -> None:
    once = envelope({"item": item()}).counted(NOW).again()
    twice = envelope(once).counted(NOW + timedelta(hours=1)).again()

    assert twice == {**once, "attempt": 2}


def test_the_copy_of_a_deletion_is_a_deletion() -> None:
    fields = {"collection": "scenes", "id": "scene-1"}

    again = envelope(fields, QueueName.DELETIONS).counted(NOW).again()

    assert parse_message(DeletionMessage, again).id == "scene-1"
    assert read_json(write_json(fields)) == fields


@pytest.mark.parametrize("queue", [QueueName.ITEMS, QueueName.COLLECTIONS, QueueName.DELETIONS, QueueName.BLOB_EVENTS])
def test_a_moment_ahead_of_the_queue_is_not_believed_whatever_the_queue(queue: QueueName) -> None:
    ahead = envelope({"event": {}, "first_enqueued": "2099-01-01T00:00:00Z", "attempt": 1}, queue)

    assert ahead.first_enqueued == SENT


@pytest.mark.parametrize("attempt", [-1, "2", 1.5, 2**40, None, True])
def test_made_up_fields_of_the_app_are_not_believed(attempt: object) -> None:
    assert envelope({"href": "x", "attempt": attempt, "retry_since": "2026-04-16T09:00:00Z"}).attempt == 0


def test_to_wait_in_line_takes_exactly_as_long_as_is_said() -> None:
    assert retry_delay(7, NotYet("x", retry_after=timedelta(seconds=3)), TIMINGS) == timedelta(seconds=3)
    assert retry_delay(7, NotYet("x", retry_after=timedelta(0)), TIMINGS) == timedelta(seconds=1)
