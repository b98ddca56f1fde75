"""A file of many items becomes a message per item; what is no item is a dead letter, and nothing else is lost."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from local.azurite import Azurite
from shared import fan_out
from shared.clients import Clients
from shared.deadletters import body_of
from shared.ingestion import ingest_message
from shared.json_codec import write_json
from shared.messages import QueueName
from tests.data.documents import item
from tests.properties.apps import clear_queues, decoded, make_app, take_all

LINES = [item("a"), item("b"), item("c")]


@pytest.fixture(scope="module")
def app(azurite: Azurite) -> Clients:
    return make_app(azurite, "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def _nothing_there(app: Clients) -> Iterator[None]:
    clear_queues(app)
    for letter in app.deadletters.rows():
        app.deadletters.forget(letter)
    yield
    clear_queues(app)


def ndjson(*lines: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(line if isinstance(line, bytes) else write_json(line) for line in lines)


def ingest(app: Clients, file: bytes, **fields: Any) -> list[dict[str, Any]]:
    """Handle a message that names the file, and give the messages that came of it."""
    blob = app.storage.blobs.get_container_client("incoming").upload_blob("many.json", file, overwrite=True)
    ingest_message(json.dumps({"href": blob.url, **fields}).encode(), app.now(), app)
    return [decoded(message.content) for message in take_all(app.queues.client(QueueName.ITEMS))]


def ids(messages: list[dict[str, Any]]) -> list[str]:
    return [message["item"]["id"] for message in messages]


@pytest.mark.parametrize(
    "file",
    [
        ndjson(*LINES),
        ndjson(*LINES) + b"\n\n",
        b"\xef\xbb\xbf" + ndjson(*LINES),
        ndjson(*LINES).replace(b"\n", b"\r\n"),
        json.dumps({"type": "FeatureCollection", "features": LINES}, indent=2).encode(),
        b"\xef\xbb\xbf" + write_json({"type": "FeatureCollection", "features": LINES}),
    ],
    ids=["lines", "empty lines", "byte order mark", "lines of Windows", "indented collection", "collection with mark"],
)
def test_every_item_of_the_file_is_sent(app: Clients, file: bytes) -> None:
    assert ids(ingest(app, file)) == ["a", "b", "c"]
    assert list(app.deadletters.rows()) == []


def test_items_keep_the_order_of_the_file(app: Clients) -> None:
    moments = [message["first_enqueued"] for message in ingest(app, ndjson(*LINES))]

    assert moments == sorted(set(moments))


def test_what_the_message_says_holds_for_every_item(app: Clients) -> None:
    said = {"if_exists": "skip", "force": True, "version_by": "v", "drop_assets": ["x"], "correlation_id": "c-1"}

    for message in ingest(app, ndjson(*LINES), collection="other", **said):
        assert {name: message[name] for name in said} == said
        assert message["collection"] == "other"


def test_every_item_has_its_own_retries(app: Clients) -> None:
    kept = {"attempt": 7, "retry_since": "2026-01-01T00:00:00Z", "crashes": 1}

    for message in ingest(app, ndjson(*LINES), **kept):
        assert message["attempt"] == 0
        assert not {"retry_since", "crashes", "offset", "href"} & message.keys()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b'{"type": "Feature",', "Line 2 is not JSON."),
        (b"7", "Entry 2 is not a STAC Item."),
        (write_json({"type": "FeatureCollection", "features": [item("d")]}), "Entry 2 is not a STAC Item."),
    ],
)
def test_a_line_that_is_no_item_costs_itself_only(app: Clients, wrong: bytes, reason: str) -> None:
    assert ids(ingest(app, ndjson(LINES[0], wrong, LINES[1]))) == ["a", "b"]
    (letter,) = app.deadletters.rows()
    assert letter["reason"] == reason
    assert body_of(letter).strip() == wrong


def test_lines_after_a_collection_are_not_lost(app: Clients) -> None:
    collection = write_json({"type": "FeatureCollection", "features": [item("d")]})

    assert ids(ingest(app, ndjson(collection, *LINES))) == ["a", "b", "c"]
    (letter,) = app.deadletters.rows()
    assert zlib.decompress(letter["body"]).strip() == collection


def test_a_wrong_entry_of_a_collection_is_kept(app: Clients) -> None:
    document = {"type": "FeatureCollection", "features": [item("a"), {"type": "Item", "id": "b"}]}

    assert ids(ingest(app, write_json(document))) == ["a"]
    (letter,) = app.deadletters.rows()
    assert json.loads(body_of(letter)) == {"type": "Item", "id": "b"}


def test_a_longer_file_goes_on_where_it_stopped(app: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 10)
    file = ndjson(*(item(f"item-{number}") for number in range(13)))

    *children, again = ingest(app, file, retry_since="2026-01-01T00:00:00Z", attempt=3)

    assert len(children) == 10
    assert (again["offset"], again["attempt"]) == (10, 0)
    assert "retry_since" not in again
    ingest_message(write_json(again), app.now(), app)
    rest = [decoded(message.content) for message in take_all(app.queues.client(QueueName.ITEMS))]
    assert ids(rest) == ["item-10", "item-11", "item-12"]
    assert min(message["first_enqueued"] for message in rest) > max(message["first_enqueued"] for message in children)
