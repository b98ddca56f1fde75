"""Every malformed message costs one attempt and ends with a sentence that says what to mend."""

import json
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from shared.basics.errors import BadMessage as Undecodable
from shared.clients import Clients
from shared.collections.configure import configure_message
from shared.collections.deletions_queue import delete_message
from shared.items.ingestion import ingest_message
from shared.messages.decoding import decode_body
from shared.messages.models import (
    QueueName,
)
from tests.properties.apps import Account, clear_queues, make_app, message_count, results
from tests.properties.bad_messages import BadMessage, read_bad_messages
from tests.properties.catalog import COLLECTION, Catalog

HANDLERS: dict[str, Callable[[bytes, datetime, Clients], None]] = {
    QueueName.ITEMS: ingest_message,
    QueueName.COLLECTIONS: configure_message,
    QueueName.DELETIONS: delete_message,
}
TABLES = ("status", "deadletters")
BAD_MESSAGES = list(read_bad_messages())


@pytest.fixture(scope="module")
def app(account: Account, catalog: Catalog) -> Iterator[Clients]:
    """Build clients on empty queues and tables; at the end nothing has been asked or sent."""
    made = make_app(account, catalog.url)
    clear_queues(made)
    for table in (*TABLES, "sources"):  # hosts of sources are allowed
        taken_rows(made, table)
    catalog.reset()
    yield made
    assert catalog.writes() == []
    assert [message_count(made, queue) for queue in HANDLERS] == [0, 0, 0]


def taken_rows(app: Clients, table: str) -> list[dict[str, Any]]:
    """Remove and give the rows of a table."""
    client = app.storage.tables.get_table_client(table)
    found = [dict(entity) for entity in client.list_entities()]
    for entity in found:
        client.delete_entity(entity["PartitionKey"], entity["RowKey"])
    return found


def raw_message(bad: BadMessage, app: Clients) -> bytes:
    """Give the message as it lies on the queue, its file in place."""
    incoming = app.storage.blobs.get_container_client("incoming")
    if not bad.is_file:
        return bad.body.replace(b"<incoming>", incoming.url.encode())
    blob = incoming.upload_blob("bad.json", bad.body, overwrite=True)
    return json.dumps({"href": blob.url}).encode()


@pytest.mark.parametrize("bad", BAD_MESSAGES, ids=[bad.name for bad in BAD_MESSAGES])
def test_bad_message(bad: BadMessage, app: Clients) -> None:
    raw = raw_message(bad, app)

    HANDLERS[bad.queue](raw, app.now(), app)

    status, letters = (taken_rows(app, table) for table in TABLES)
    (announced,) = results(app)
    if bad.outcome == "failed":
        assert letters == []
        sentence = expect_failed(bad, raw, status, announced)
    else:
        assert status == []
        sentence = expect_dead_letter(bad, raw, letters, announced)
    assert bad.says in sentence
    assert sentence.endswith("."), sentence
    assert "\n" not in sentence
    assert "hunter2" not in sentence
    assert announced["error_code"] == bad.code
    assert announced["error_message"] == sentence


def expect_dead_letter(bad: BadMessage, raw: bytes, letters: list[dict[str, Any]], announced: dict[str, Any]) -> str:
    (letter,) = letters
    assert letter["PartitionKey"] == bad.queue
    assert letter["error_code"] == bad.code
    assert letter["count"] == 1
    kept = zlib.decompress(letter["body"])
    assert kept == decoded(raw) or kept in raw  # of an ItemCollection, the one bad entry
    assert announced["outcome"] == "rejected"
    return str(letter["reason"])


def decoded(raw: bytes) -> bytes:
    try:
        return decode_body(raw)
    except Undecodable:
        return raw


def expect_failed(bad: BadMessage, raw: bytes, status: list[dict[str, Any]], announced: dict[str, Any]) -> str:
    by_key = {row["RowKey"]: row for row in status}
    assert set(by_key) == {"item~scene-1", "failed~scene-1"}
    row = by_key["item~scene-1"]
    assert row["status"] == "Failed"
    assert row["error_code"] == bad.code == by_key["failed~scene-1"]["error_code"]
    assert "claimed_by" not in row
    assert "claimed_until" not in row
    assert zlib.decompress(row["message"]) == raw
    assert (announced["outcome"], announced["collection"], announced["id"]) == ("failed", COLLECTION, "scene-1")
    return str(row["error_message"])


def test_there_are_enough_of_them() -> None:
    assert len(BAD_MESSAGES) >= 60
    assert len({bad.name for bad in BAD_MESSAGES}) == len(BAD_MESSAGES)
