import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from shared.basics.errors import LostResponse, Unavailable
from shared.basics.json_codec import read_json, write_json
from shared.clients import Clients, build_clients
from shared.items.item_work import _claimed_row, copy_of, operation_wait, retry_delay
from shared.items.work import Work
from shared.messages.models import (
    DeletionMessage,
    IfExists,
    QueueName,
    correlation_id_of,
    parse_item_message,
    parse_message,
)
from shared.records.status_rows import HISTORY_LENGTH, ItemRow, ItemStatus, item_row, to_entity
from shared.settings import read_settings
from shared.stac.items import prepare_item
from tests.data.documents import item

NOW = datetime(2026, 4, 16, 10, tzinfo=UTC)
SENT = NOW - timedelta(minutes=1)


class NoCredential:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002 - the interface of azure-core
        raise AssertionError("nothing of this asks for a token")


@pytest.fixture(scope="module")
def app() -> Clients:
    """Build the real clients on a clock that stands still; nothing is sent."""
    settings = read_settings({"GEOCATALOG_URL": "http://127.0.0.1:9", "INGEST_STORAGE": "UseDevelopmentStorage=true"})
    return build_clients(settings, credential=NoCredential(), now=lambda: NOW)


def work(**changes: Any) -> Work:
    document = item()
    body = write_json({"item": document})
    prepared = prepare_item(document, collection="scenes", planetary_computer_url="https://pc.example")
    base = Work(
        collection="scenes",
        item_id="scene-1",
        queue=QueueName.ITEMS.value,
        first_enqueued=SENT,
        message=body,
        prepared=prepared,
        content_hash=prepared.content_hash,
        correlation_id=correlation_id_of(body, SENT),
    )
    return replace(base, **changes)


# The wait before the next try


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(0, 15), (1, 30), (2, 60), (5, 480), (6, 900), (20, 900), (2**31 - 1, 900)]
)
def test_delays_grow_to_a_quarter_of_an_hour(app: Clients, attempt: int, seconds: int) -> None:
    for _ in range(50):
        delay = retry_delay(attempt, None, app)
        assert timedelta(seconds=seconds) * 0.8 <= delay <= timedelta(seconds=seconds) * 1.2


def test_delays_are_spread(app: Clients) -> None:
    assert len({retry_delay(3, None, app) for _ in range(20)}) > 1


def test_what_the_service_asks_for_is_kept(app: Clients) -> None:
    assert retry_delay(0, Unavailable("x", retry_after=timedelta(minutes=5)), app) >= timedelta(minutes=5)
    assert retry_delay(0, LostResponse("x"), app) <= timedelta(seconds=18)


@pytest.mark.parametrize(("age", "wait"), [(0, 20), (60, 20), (400, 100), (3_600, 900), (86_400, 900)])
def test_the_wait_behind_an_operation_grows_with_its_age(app: Clients, age: float, wait: float) -> None:
    waits = {operation_wait(timedelta(seconds=age), app) for _ in range(50)}

    assert len(waits) > 1
    assert timedelta(seconds=wait) * 0.8 <= min(waits) <= max(waits) <= timedelta(seconds=wait) * 1.2


# The columns of a claim


def test_a_claim_on_an_unknown_item(app: Clients) -> None:
    wanted = work(attempt=2, retry_since=SENT, if_exists=IfExists.SKIP, traceparent="t")

    row = _claimed_row(None, wanted, app, "owner")

    assert row.status is ItemStatus.SUBMITTING
    assert row.claimed_by
    assert row.claimed_at == NOW
    assert row.claimed_until == NOW + timedelta(minutes=6)
    assert row.first_enqueued == SENT
    assert row.content_hash == wanted.content_hash
    assert row.attempt == 2
    assert row.retry_since == SENT
    assert row.if_exists == "skip"
    assert row.correlation_id == wanted.correlation_id
    assert row.traceparent == "t"
    assert row.datetime == "2026-04-16T10:00:00Z"
    assert row.bbox == "[11.5,48.1,11.5,48.1]"
    assert row.in_catalog is None
    assert row.uncertain_since is None
    assert row.history == ({"at": "2026-04-16T10:00:00Z", "status": "Submitting"},)
    assert zlib.decompress(row.message) == wanted.message


def test_a_claim_clears_what_the_last_work_left(app: Clients) -> None:
    before = ItemRow(
        "scenes", "scene-1", ItemStatus.FAILED, "items", SENT, in_catalog=True, content_hash="b", error_code="X",
        error_message="x", operation_id="1", submitted_at=SENT, finished_at=SENT, next_attempt=SENT,
        quiet_until=SENT, uncertain_since=SENT,
    )  # fmt: skip

    row = _claimed_row(before, work(), app, "owner")

    assert (row.error_code, row.error_message, row.operation_id) == (None, None, None)
    assert (row.submitted_at, row.finished_at, row.next_attempt) == (None, None, None)
    assert (row.quiet_until, row.uncertain_since) == (None, None)
    assert row.in_catalog is True


def test_who_takes_over_a_dead_claim_of_the_same_content_does_not_know_what_was_written(app: Clients) -> None:
    wanted = work()
    dead = replace(_claimed_row(None, wanted, app, "owner"), claimed_at=SENT, claimed_until=NOW)

    row = _claimed_row(dead, wanted, app, "another")

    assert row.uncertain_since == SENT
    assert row.claimed_by == "another"
    assert _claimed_row(replace(row, claimed_at=NOW), wanted, app, "owner").uncertain_since == SENT


def test_same_content_keeps_the_later_moment(app: Clients) -> None:
    before = _claimed_row(None, work(first_enqueued=NOW), app, "owner")

    assert _claimed_row(before, work(), app, "owner").first_enqueued == NOW
    assert _claimed_row(before, work(content_hash="b"), app, "owner").first_enqueued == SENT


def test_history_ends(app: Clients) -> None:
    row = _claimed_row(None, work(), app, "owner")
    for _ in range(2 * HISTORY_LENGTH):
        row = _claimed_row(row, work(), app, "owner")

    assert len(row.history) == HISTORY_LENGTH


def test_a_row_is_read_as_it_was_written(app: Clients) -> None:
    row = _claimed_row(None, work(version=SENT, retry_since=SENT), app, "owner")

    assert item_row(to_entity(row)) == row


# The message to send again


def test_the_copy_of_a_bare_item_is_a_message() -> None:
    first = work(message=write_json(item()))

    again = parse_item_message(copy_of(replace(first, attempt=1, retry_since=NOW)))

    assert again.item == item()
    assert (again.attempt, again.retry_since, again.first_enqueued) == (1, NOW, SENT)
    assert again.correlation_id == first.correlation_id


def test_the_copy_keeps_what_the_message_said() -> None:
    fields = {
        "href": "https://a.example/x",
        "force": True,
        "if_exists": "fail",
        "drop_assets": ["a"],
        "version_by": "v",
    }

    again = copy_of(work(message=write_json(fields), attempt=3))

    assert {name: again[name] for name in fields} == fields
    assert again["attempt"] == 3


def test_the_copy_of_a_copy_differs_in_its_attempt_only() -> None:
    once = copy_of(work(attempt=1, retry_since=NOW))
    twice = copy_of(work(message=write_json(once), attempt=2, retry_since=NOW))

    assert twice == {**once, "attempt": 2}


def test_the_copy_of_a_deletion_is_a_deletion() -> None:
    body = write_json({"collection": "scenes", "id": "scene-1"})

    again = copy_of(work(message=body, queue=QueueName.DELETIONS.value, prepared=None, attempt=1))

    assert parse_message(DeletionMessage, again).id == "scene-1"
    assert read_json(body) == {"collection": "scenes", "id": "scene-1"}
