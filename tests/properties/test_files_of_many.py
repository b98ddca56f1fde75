"""A file of many items becomes a message per item; what is no item is a dead letter, and nothing else is lost."""

import hashlib
import itertools
import json
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.azurite import Azurite
from shared.basics.clock import format_timestamp
from shared.basics.errors import ErrorCode
from shared.basics.json_codec import canonical_json, write_json
from shared.clients import Clients
from shared.delivery.blob_events import receive_events
from shared.files import item_files, json_stream
from shared.items import fan_out
from shared.items.ingestion import ingest_message
from shared.messages.models import QueueName
from shared.records.deadletters import body_of
from shared.records.status_rows import ItemStatus
from tests.data.blob_events import event_grid_event
from tests.data.documents import item
from tests.properties.apps import Account, clear_queues, decoded, make_app, results
from tests.properties.catalog import wait_until
from tests.properties.interrupts import Fuse, Killed, interruptible, kill

LINES = [item("a"), item("b"), item("c")]
EVENT = write_json(event_grid_event("many.json"))


@pytest.fixture(scope="module")
def app(account: Account) -> Clients:
    return make_app(account, "http://127.0.0.1:9", TIME_SCALE="0.1")


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


def drop(app: Clients, file: bytes, name: str = "many.json") -> str:
    """Put the file where messages may name it, and give its URL."""
    blob = app.storage.blobs.get_container_client("incoming").upload_blob(name, file, overwrite=True)
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
        b"".join(b"\x1e" + json.dumps(line, indent=2).encode() + b"\n" for line in LINES),
    ],
    ids=[
        "lines",
        "empty lines",
        "byte order mark",
        "lines of Windows",
        "indented collection",
        "collection with mark",
        "text sequence",
    ],
)
def test_every_item_of_the_file_is_sent(app: Clients, file: bytes) -> None:
    assert ids(ingest(app, file)) == ["a", "b", "c"]
    assert list(app.deadletters.rows()) == []


def test_relative_hrefs_are_relative_to_the_file_or_to_the_item_itself(app: Clients) -> None:
    assets = {"data": {"href": "./a.tif"}}
    own = [{"rel": "self", "href": "https://h.example/scenes/b.json"}]

    messages = ingest(app, ndjson(item("a", assets=assets), item("b", links=own, assets=assets)))

    bases = [link["href"] for message in messages for link in message["item"]["links"]]
    assert bases == [f"{app.storage.blobs.url}incoming/many.json", "https://h.example/scenes/b.json"]


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
        (b'{"type": "Feature",', "Line 2 is not JSON: it ends too early"),
        (b"7", "Entry 2 is not a STAC Item."),
        (b"null", "Entry 2 is not a STAC Item."),
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


# None is an Item, and a file that began with one of them would not be taken for one of newline-delimited Items.
WRONG: list[Any] = [7, None, [], "x", {}, {"type": "Item"}, True, [[]], {"type": "FeatureCollection", "features": []}]


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_a_wrong_entry_of_a_long_collection_costs_itself_only(
    app: Clients, monkeypatch: pytest.MonkeyPatch, wrong: object
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 2)
    document = {"type": "FeatureCollection", "features": [wrong, *LINES, [wrong]]}
    href = drop(app, write_json(document))

    assert send_to_the_end(app, {"href": href, "correlation_id": "mine"}) == ["a", "b", "c"]
    assert {json.dumps(json.loads(body_of(letter))): letter["reason"] for letter in app.deadletters.rows()} == {
        json.dumps(wrong): f"Entry 1 is not a STAC Item. It stands in {href}; fix it and send it again.",
        json.dumps([wrong]): f"Entry 5 is not a STAC Item. It stands in {href}; fix it and send it again.",
    }
    assert {letter["correlation_id"] for letter in app.deadletters.rows()} == {"mine"}


def test_a_wrong_entry_is_the_same_dead_letter_in_a_short_collection_and_in_a_long_one(
    app: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = write_json({"type": "FeatureCollection", "features": [*LINES, {"type": "Item"}]})
    for most in (10, 2):
        monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", most)
        assert send_to_the_end(app, {"href": drop(app, document)}) == ["a", "b", "c"]

    assert [letter["count"] for letter in app.deadletters.rows()] == [2]


@pytest.mark.parametrize("bare", [False, True], ids=["file", "message"])
def test_many_wrong_entries_outlast_no_run(
    app: Clients, account: Account, monkeypatch: pytest.MonkeyPatch, *, bare: bool
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 100)
    hurried = make_app(account, "http://127.0.0.1:9", TIME_SCALE="0.000001")  # in which a run's time is always over
    document = write_json({"type": "FeatureCollection", "features": [*range(120), item("a")]})
    bodies = [document if bare else write_json({"href": drop(app, document)})]
    rejected, found = [0], []
    while bodies:
        ingest_message(bodies.pop(), app.now(), hurried)
        came = sent(app)
        found += ids([message for message in came if "item" in message])
        bodies += [write_json(message) for message in came if "href" in message]
        rejected.append(len(list(app.deadletters.rows())))

    assert max(later - before for before, later in itertools.pairwise(rejected)) == fan_out.ITEMS_PER_RECORD
    assert found == ["a"]
    letters = {int(body_of(letter)): letter for letter in app.deadletters.rows()}
    assert sorted(letters) == list(range(120))
    assert all(letter["reason"].startswith(f"Entry {value + 1} is") for value, letter in letters.items())
    assert {letter["count"] for letter in letters.values()} == {1}
    assert len(results(app)) == 120


@pytest.mark.both_storages
@pytest.mark.parametrize("calls", [*range(3, 25, 3)])
def test_a_killed_run_rejects_again_what_it_did_since_its_last_record(
    app: Clients, account: Account, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 8)
    monkeypatch.setattr(fan_out, "ITEMS_PER_RECORD", 2)
    fuse = Fuse()
    fused = interruptible(app, account, fuse, lambda *_: None)
    href = drop(fused, write_json({"type": "FeatureCollection", "features": [*range(9)]}))
    message = {"href": href, "first_enqueued": format_timestamp(app.now()), "attempt": 0}
    fuse.set(calls, kill, after=False)
    with pytest.raises(Killed):
        ingest_message(write_json(message), app.now(), fused)

    assert send_to_the_end(app, message) == []
    counts = [letter["count"] for letter in app.deadletters.rows()]
    assert len(counts) == 9
    assert sum(counts) <= 9 + fan_out.ITEMS_PER_RECORD


@pytest.mark.parametrize("known", [0, 4])
def test_a_collection_that_an_earlier_version_stored_is_gone_on_with(
    app: Clients, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 5)
    names = [f"item-{number}" for number in range(12)]
    lines = [write_json(item(name)) + b"\n" for name in names]
    payloads = app.storage.blobs.get_container_client("payloads")
    stored = payloads.upload_blob("fan-out/earlier.ndjson", b"".join(lines), overwrite=True)
    message = {"href": str(stored.url), "first_enqueued": "2026-04-16T10:00:00Z"}
    record = f"fan-out/{hashlib.sha256(canonical_json(message)).hexdigest()}.json"
    if known:
        progress = {"sent": known, "position": len(b"".join(lines[:known]))}
        payloads.upload_blob(record, write_json(progress), overwrite=True)

    assert send_to_the_end(app, {**message, "attempt": 0}) == names[known:]
    assert payloads.get_blob_client(record).exists()
    payloads.delete_blob(record)


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


@pytest.mark.both_storages
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
from shared.items.ingestion import ingest_message
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


def test_a_killed_run_is_gone_on_with(azurite: Azurite) -> None:
    app = make_app(azurite, "http://127.0.0.1:9", TIME_SCALE="0.1")
    clear_queues(app)
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
        receive_events(EVENT, app.now(), app.delivery, app.storage.blobs)
        (message,) = sent(app)
        ingest_message(write_json(message), app.now(), app)
        return ids(sent(app))

    assert event(ndjson(*LINES)) == ["a", "b", "c"]
    assert event(ndjson(item("a"), item("b"), item("d"))) == ["a", "b", "d"]
    receive_events(EVENT, app.now(), app.delivery, app.storage.blobs)
    (again,) = sent(app)
    ingest_message(write_json(again), app.now(), app)
    assert sent(app) == []


# Files that are longer than what is held of one at once.
LARGE: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "collection": FORMS["collection"],
    "collection with its type last": lambda items: write_json({"features": items, "type": "FeatureCollection"}),
    "collection with a byte order mark": lambda items: b"\xef\xbb\xbf" + FORMS["collection"](items) + b"\n",
    "indented collection": lambda items: FORMS["collection"](items).replace(b",", b",\n"),
    "lines": lambda items: ndjson(*items),
    "lines behind a broken one": lambda items: ndjson(b'{"type": "Feature",', *items),
}


@pytest.fixture
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_files, "MAX_HELD_BYTES", 1_000)
    monkeypatch.setattr(json_stream, "MAX_HELD_BYTES", 1_000)
    monkeypatch.setattr(json_stream, "_PIECE", 50)
    monkeypatch.setattr(item_files, "_KEPT_OF_LONG_LINE", 100)


def nine(name: str) -> list[dict[str, Any]]:
    return [item(f"{name}-{number}", properties={"datetime": "2024-02-06T12:00:00Z", "x": 0.5}) for number in range(9)]


def items_of(app: Clients, file: bytes) -> list[dict[str, Any]]:
    """Handle a message that names the file and those that continue it, and give the items that were sent."""
    found: list[dict[str, Any]] = []
    messages = [{"href": drop(app, file)}]
    while messages:
        ingest_message(write_json(messages.pop()), app.now(), app)
        came = sent(app)
        found += [message["item"] for message in came if "item" in message]
        messages += [message for message in came if "href" in message]
    return found


@pytest.mark.parametrize("most", [5, 1_000], ids=["in several runs", "in one run"])
@pytest.mark.parametrize("form", LARGE)
@pytest.mark.usefixtures("_little_memory")
def test_a_file_longer_than_what_is_held_is_sent_once(
    app: Clients, monkeypatch: pytest.MonkeyPatch, form: str, most: int
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", most)
    assert items_of(app, LARGE[form](nine("a"))) == nine("a")


@pytest.mark.parametrize("form", ["collection", "lines"])
@pytest.mark.parametrize("place", [0, 4, 9])
@pytest.mark.parametrize("wrong", ["long", "deep", "number", "not a number"])
@pytest.mark.usefixtures("_little_memory")
def test_an_entry_that_cannot_be_held_costs_itself_only(app: Clients, form: str, place: int, wrong: str) -> None:
    bad: dict[str, bytes] = {
        "long": write_json(item("bad", assets={str(number): {"href": "https://a/b"} for number in range(60)})),
        "deep": b'{"type": "Feature", "id": "bad", "x": ' + b"[" * 300 + b"]" * 300 + b"}",
        "number": b'{"type": "Feature", "id": "bad", "x": 1e400}',
        "not a number": b'{"type": "Feature", "id": "bad", "x": NaN}',
    }
    entries = [write_json(one) for one in nine("a")]
    entries.insert(place, bad[wrong])
    file = b"\n".join(entries)
    if form == "collection":
        file = b'{"type": "FeatureCollection", "features": [' + b",".join(entries) + b"]}"

    assert ids(ingest(app, file)) == [f"a-{number}" for number in range(9)]
    (letter,) = app.deadletters.rows()
    assert letter["reason"].startswith((f"Entry {place + 1} ", f"Line {place + 1} "))
    assert "/incoming/" in letter["reason"]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"[" + b"7," * 1_000 + b"7]", "neither a JSON object"),
        (write_json({"type": "Feature" * 300}), "single value"),
        (write_json({"type": "Catalog", "x": [7] * 1_000}), "'Catalog'"),
        (FORMS["collection"](nine("a"))[:-1], "neither a JSON object"),
        (FORMS["collection"](nine("a")).replace(b"a-8", b"\xff"), "neither a JSON object"),
        (FORMS["collection"](nine("a") * 9), "6,400 bytes"),
    ],
    ids=["list", "one text", "other type", "cut short", "not UTF-8", "too long"],
)
@pytest.mark.usefixtures("_little_memory")
def test_a_large_file_that_is_no_collection_is_refused_whole(
    app: Clients, monkeypatch: pytest.MonkeyPatch, file: bytes, reason: str
) -> None:
    monkeypatch.setattr(item_files, "MAX_COLLECTION_BYTES", 6_400)
    assert ingest(app, file) == []
    (letter,) = app.deadletters.rows()
    assert reason in letter["reason"]


@pytest.mark.parametrize("many", [True, False], ids=["of many values", "of one long text"])
@pytest.mark.usefixtures("_little_memory")
def test_a_large_file_of_one_item_fails_that_item(app: Clients, *, many: bool) -> None:
    assets = {str(number): {"href": "https://a/b"} for number in range(60)} if many else {"a": {"title": "x" * 9_000}}
    item_id = f"far-too-large-{many}"
    document = item(item_id, "scenes")
    del document["assets"]
    assert ingest(app, write_json({**document, "assets": assets})) == []
    row = app.status.get("scenes", item_id)
    assert row
    assert (row.status, row.error_code) == (ItemStatus.FAILED, ErrorCode.ITEM_TOO_LARGE)
    assert "GeoCatalog takes at most 1,048,576" in str(row.error_message)
    assert list(app.deadletters.rows()) == []


@pytest.mark.parametrize("most", [5, 1_000], ids=["in several runs", "in one run"])
@pytest.mark.usefixtures("_little_memory")
def test_numbers_that_json_has_not_are_read_in_nodata_of_a_large_file(
    app: Clients, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", most)
    odd = [float("nan"), float("inf"), float("-inf")] * 3
    items = [one | {"nodata": number, "x": 'NaN "Infinity'} for one, number in zip(nine("a"), odd, strict=True)]
    file = json.dumps({"type": "FeatureCollection", "features": items}, separators=(", ", ": ")).encode()

    found = items_of(app, file)

    assert [one["nodata"] for one in found] == ["nan", "inf", "-inf"] * 3
    assert {one["x"] for one in found} == {'NaN "Infinity'}


@pytest.mark.parametrize("form", LARGE)
@pytest.mark.usefixtures("_little_memory")
def test_a_large_file_whose_run_was_killed_is_continued(
    app: Clients, account: Account, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(fan_out, "ITEMS_PER_RECORD", 2)
    fuse = Fuse()
    fused = interruptible(app, account, fuse, lambda *_: None)
    message, moment = write_json({"href": drop(fused, LARGE[form](nine("a")))}), fused.now()
    fuse.set(8, kill, after=False)  # the progress is read, two items and a record written twice
    with pytest.raises(Killed):
        ingest_message(message, moment, fused)
    before = ids(sent(fused))

    ingest_message(message, moment, fused)

    after = ids(sent(fused))
    assert before[:2] == ["a-0", "a-1"]
    assert sorted({*before, *after}) == [f"a-{number}" for number in range(9)]
    assert len(after) < 9  # what was recorded is not sent again


@pytest.mark.parametrize("offset", [None, 4])
def test_a_collection_that_an_earlier_version_stored_as_lines_is_continued(
    app: Clients, monkeypatch: pytest.MonkeyPatch, offset: int | None
) -> None:
    monkeypatch.setattr(fan_out, "MAX_ITEMS_PER_RUN", 5)
    names = [f"item-{number}" for number in range(12)]
    payloads = app.storage.blobs.get_container_client("payloads")
    stored = payloads.upload_blob("fan-out/earlier.entries", ndjson(*map(item, names)), overwrite=True)
    message: dict[str, Any] = {
        "href": str(stored.url),
        "lines_of": "https://ours.blob.core.windows.net/incoming/many.json",
    }
    message |= {"attempt": 0, "offset": offset} if offset else {"attempt": 0}

    assert send_to_the_end(app, message) == names[offset or 0 :]
