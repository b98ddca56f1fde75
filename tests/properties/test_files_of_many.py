"""A file of many items becomes a message per item; what is no item is a dead letter, and nothing else is lost."""

import json
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.azurite import Azurite
from shared import fan_out
from shared.blob_events import receive_blob
from shared.clients import Clients
from shared.deadletters import body_of
from shared.ingestion import ingest_message
from shared.json_codec import write_json
from shared.messages import QueueName
from tests.data.documents import item
from tests.properties.apps import clear_queues, decoded, make_app, results
from tests.properties.catalog import wait_until

LINES = [item("a"), item("b"), item("c")]


@pytest.fixture(scope="module")
def app(azurite: Azurite) -> Clients:
    return make_app(azurite, "http://127.0.0.1:9", TIME_SCALE="0.1")


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
    ingest_message(json.dumps({"href": drop(app, file), **fields}).encode(), app.now(), app)
    return sent(app)


def drop(app: Clients, file: bytes) -> str:
    """Put the file where messages may name it, and give its URL."""
    blob = app.storage.blobs.get_container_client("incoming").upload_blob("many.json", file, overwrite=True)
    return str(blob.url)


def sent(app: Clients) -> list[dict[str, Any]]:
    """Take the messages from the queue: those of items in the order of the file, then that of the file's rest."""
    queue = app.queues.client(QueueName.ITEMS)
    messages: list[dict[str, Any]] = []
    while some := list(queue.receive_messages(messages_per_page=32, max_messages=32)):
        messages += [decoded(message.content) for message in some]
    queue.clear_messages()  # deleting thousands one by one takes Azurite a minute
    return sorted(messages, key=lambda message: ("href" in message, message["first_enqueued"]))


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
    assert letter["reason"].startswith(reason)
    assert "/incoming/" in letter["reason"]
    assert body_of(letter).strip() == wrong


def test_a_line_that_is_no_item_is_announced_with_the_mark_of_its_message(app: Clients) -> None:
    ingest(app, ndjson(LINES[0], b"7"), correlation_id="mine")

    assert [result["correlation_id"] for result in results(app)] == ["mine"]
    assert [letter["correlation_id"] for letter in app.deadletters.rows()] == ["mine"]


@pytest.mark.parametrize("wrong", [b'{"type": "Feature",', b"[", b'{"type": "Feature"}}'])
def test_a_first_line_that_is_no_json_costs_itself_only(app: Clients, wrong: bytes) -> None:
    assert ids(ingest(app, ndjson(wrong, *LINES))) == ["a", "b", "c"]
    (letter,) = app.deadletters.rows()
    assert body_of(letter).strip() == wrong


def test_a_list_of_items_is_refused_whole(app: Clients) -> None:
    assert ingest(app, b"[\n" + write_json(LINES[0]) + b"\n]") == []
    (letter,) = app.deadletters.rows()
    assert "newline-delimited Items" in letter["reason"]


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
    rest = sent(app)
    assert ids(rest) == ["item-10", "item-11", "item-12"]
    assert min(message["first_enqueued"] for message in rest) > max(message["first_enqueued"] for message in children)


def send_to_the_end(app: Clients, message: dict[str, Any]) -> list[str]:
    """Handle a message and those that go on with its file, and give the ids of all items that were sent."""
    found: list[str] = []
    while True:
        ingest_message(write_json(message), app.now(), app)
        came = sent(app)
        found += ids([one for one in came if "item" in one])
        rest = [one for one in came if "href" in one]
        if not rest:
            return found
        (message,) = rest


FORMS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "lines": lambda items: ndjson(*items),
    "lines without a last end": lambda items: ndjson(*items).rstrip(),
    "lines of Windows": lambda items: ndjson(*items).replace(b"\n", b"\r\n") + b"\r\n",
    "collection": lambda items: write_json({"type": "FeatureCollection", "features": items}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [10, 19, 20, 21])
def test_a_file_of_several_runs_is_sent_once(
    app: Clients, monkeypatch: pytest.MonkeyPatch, form: str, count: int
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 10)
    names = [f"item-{number}" for number in range(count)]

    assert send_to_the_end(app, {"href": drop(app, FORMS[form]([item(name) for name in names]))}) == names
    assert list(app.deadletters.rows()) == []


def test_wrong_entries_of_a_long_collection_cost_themselves_only(app: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 2)
    document = {"type": "FeatureCollection", "features": [7, *LINES, {"type": "Item"}]}

    assert send_to_the_end(app, {"href": drop(app, write_json(document))}) == ["a", "b", "c"]
    reasons = sorted(letter["reason"] for letter in app.deadletters.rows())
    assert [reason.partition(".")[0] for reason in reasons] == [
        "Entry 1 is not a STAC Item",
        "Entry 5 is not a STAC Item",
    ]


def test_later_runs_read_what_they_send_and_nothing_before(app: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 10)
    # Were it read again from its start, the first line would now be a dead letter.
    file = ndjson(*(item(f"item-{number}") for number in range(15)))
    href = drop(app, file)
    ingest_message(write_json({"href": href}), app.now(), app)
    *_, again = sent(app)
    drop(app, file.replace(b"{", b"?", 1))

    assert send_to_the_end(app, again) == [f"item-{number}" for number in range(10, 15)]
    assert list(app.deadletters.rows()) == []


@pytest.mark.parametrize("change", [lambda file: file[: len(file) // 3], lambda file: b"  " + file])
def test_a_file_that_was_changed_is_not_gone_on_with(
    app: Clients, monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 10)
    file = ndjson(*(item(f"item-{number}") for number in range(15)))
    ingest_message(write_json({"href": drop(app, file)}), app.now(), app)
    *_, again = sent(app)
    drop(app, change(file))

    assert send_to_the_end(app, again) == []
    (letter,) = app.deadletters.rows()
    assert "was changed while its items were sent: 10 of its entries" in letter["reason"]


def test_a_message_without_its_record_goes_on_by_counting(app: Clients) -> None:
    file = ndjson(*(item(f"item-{number}") for number in range(15)))

    assert send_to_the_end(app, {"href": drop(app, file), "offset": 12, "attempt": 0}) == [
        "item-12",
        "item-13",
        "item-14",
    ]


def test_a_message_that_is_given_again_when_all_is_sent_sends_nothing(app: Clients) -> None:
    message = {"href": drop(app, ndjson(*LINES)), "first_enqueued": "2026-04-16T10:00:00Z", "attempt": 0}

    assert send_to_the_end(app, message) == ["a", "b", "c"]
    assert send_to_the_end(app, message) == []
    assert list(app.deadletters.rows()) == []


def test_of_two_runs_of_one_message_one_steps_back(app: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "ITEMS_PER_RECORD", 2)
    moment = app.now()
    message = write_json({"href": drop(app, ndjson(*(item(f"item-{number}") for number in range(9))))})
    overtaken: list[bool] = []
    send_all = fan_out._send_all  # noqa: SLF001 - the moment at which the other run comes

    def overtake(*arguments: Any) -> None:
        if not overtaken:
            overtaken.append(True)
            ingest_message(message, moment, app)
        send_all(*arguments)

    monkeypatch.setattr(fan_out, "_send_all", overtake)

    ingest_message(message, moment, app)

    wait_until(lambda: len(app.queues.client(QueueName.ITEMS).peek_messages(max_messages=32)) == 12)
    *children, later = sent(app)
    assert ids(children) == ["item-0", "item-0", "item-1", "item-1", *(f"item-{number}" for number in range(2, 9))]
    assert later["attempt"] == 1
    assert send_to_the_end(app, later) == []


KILLED_RUN = """
import os, signal, sys, threading, time
from datetime import datetime
from shared.ingestion import ingest_message
from tests.properties.apps import make_app, message_count

class Storage:
    def connection_string(self):
        return sys.argv[1]

def die_in_the_middle():
    while message_count(app, "items") < 300:
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)

app = make_app(Storage(), "http://127.0.0.1:9")
threading.Thread(target=die_in_the_middle, daemon=True).start()
ingest_message(sys.argv[2].encode(), datetime.fromisoformat(sys.argv[3]), app)
"""


def test_a_killed_run_is_gone_on_with(app: Clients, azurite: Azurite) -> None:
    names = [f"item-{number:04}" for number in range(1_500)]
    message = write_json({"href": drop(app, ndjson(*map(item, names)))})
    moment = app.now()
    command = [sys.executable, "-c", KILLED_RUN, azurite.connection_string(), message.decode(), moment.isoformat()]
    assert subprocess.run(command, timeout=300, check=False).returncode == -signal.SIGKILL
    before = ids(sent(app))

    ingest_message(message, moment, app)  # the host gives it again
    *children, again = sent(app)
    after = [*ids(children), *send_to_the_end(app, again)]

    assert 300 <= len(before) < 1_000
    assert sorted({*before, *after}) == names
    assert len({*before} & {*after}) <= fan_out.ITEMS_PER_RECORD
    assert len(before) == len(set(before))
    assert len(after) == len(set(after))


def test_a_blob_changed_within_a_second_is_sent_in_both_versions_and_an_event_that_comes_twice_in_one(
    app: Clients,
) -> None:
    def event(content: bytes) -> list[str]:
        drop(app, content)
        receive_blob("many.json", app)
        (message,) = sent(app)
        ingest_message(write_json(message), app.now(), app)
        return ids(sent(app))

    assert event(ndjson(*LINES)) == ["a", "b", "c"]
    assert event(ndjson(item("a"), item("b"), item("d"))) == ["a", "b", "d"]
    receive_blob("many.json", app)
    (again,) = sent(app)
    ingest_message(write_json(again), app.now(), app)
    assert sent(app) == []
