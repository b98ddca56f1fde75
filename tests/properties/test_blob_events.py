"""Queue `blob-events`: each dropped blob becomes a message of queue `items`, whatever its name and its event's form."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from azure.storage.blob import BlobClient
from hypothesis import given, settings
from hypothesis import strategies as st

from local.azurite import Azurite
from shared.basics.clock import format_timestamp, parse_timestamp
from shared.basics.errors import ErrorCode
from shared.clients import Clients
from shared.delivery.blob_events import created_blob, receive_events, split_events
from shared.delivery.poison import record_poison
from shared.messages.decoding import decode_body, read_object
from shared.messages.models import QueueName
from shared.messages.reading import parse_item_message
from shared.records.deadletters import body_of
from tests.cli.guarded_storage import guarded
from tests.data.blob_events import ENDPOINT, cloud_event, event_grid_event
from tests.integration.host.host_under_test import eventually
from tests.properties.apps import (
    Account,
    Clock,
    clear_queues,
    decoded,
    make_app,
    message_count,
    poison_desk,
    results,
    take_all,
)

Event = dict[str, Any]

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
ODD_NAMES = [
    "a b.json",
    "100%.json",
    "%41.json",
    "a#b?c+d&e=f;g.json",
    "é/日本/🛰.json",
    "日" * 1_024,
    "a/b/c/d.json",
    "/x.json",
    "a//b",
    "~'\"()!$*,:@[]{}|^`",
]

SCHEMAS: dict[str, Callable[[str], Event]] = {"Event Grid": event_grid_event, "CloudEvents": cloud_event}
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "base64": base64.b64encode,
    "base64 in lines": base64.encodebytes,
    "with a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
}


def without_subject(event: Event, url: str) -> Event:
    """Leave only the URL to tell the blob's name."""
    return {**event, "subject": "", "data": {**event["data"], "url": url}}


FORMS: dict[str, Callable[[Event, str], Event]] = {
    "subject": lambda event, _: {**event, "data": {}},
    "subject and url": lambda event, _: event,
    "url": lambda event, name: without_subject(event, f"{ENDPOINT}/incoming/{quote(name)}"),
    "url, wholly encoded": lambda event, name: without_subject(event, f"{ENDPOINT}/incoming/{quote(name, safe='')}"),
    "path-style url": lambda event, name: without_subject(event, f"http://127.0.0.1:1/me/incoming/{quote(name)}?sv=1"),
}


def sent_as(name: str, schema: str, form: str, encoding: str) -> bytes:
    event = FORMS[form](SCHEMAS[schema](name), name)
    return ENCODINGS[encoding](json.dumps(event, ensure_ascii=False).encode())


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("schema", list(SCHEMAS))
@given(name=NAMES | st.sampled_from(ODD_NAMES), encoding=st.sampled_from(list(ENCODINGS)))
@settings(max_examples=60, deadline=None)
def test_any_name_is_read_alike_from_every_form_of_an_event(schema: str, form: str, name: str, encoding: str) -> None:
    (event,) = split_events(decode_body(sent_as(name, schema, form, encoding)))
    assert created_blob(read_object(event)) == ("incoming", name)


@pytest.fixture(scope="module")
def app(account: Account) -> Clients:
    return make_app(account, "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def _nothing_there(request: pytest.FixtureRequest) -> Iterator[None]:
    if "app" not in request.fixturenames:
        yield
        return
    app: Clients = request.getfixturevalue("app")
    clear(app)
    yield
    clear(app)


def clear(app: Clients) -> None:
    clear_queues(app)
    for letter in list(app.deadletters.rows()):
        app.deadletters.forget(letter)


def receive(app: Clients, body: object) -> None:
    receive_events(json.dumps(body).encode(), app.now(), app.delivery, app.storage.blobs)


def drop(app: Clients, name: str, content: bytes = b"{}") -> BlobClient:
    return app.storage.blobs.get_container_client("incoming").upload_blob(name, content, overwrite=True)


def sent(app: Clients, queue: str = QueueName.ITEMS) -> list[Event]:
    return [decoded(message.content) for message in take_all(app.queues.client(queue))]


def letters(app: Clients) -> list[tuple[str, bytes]]:
    return [(str(row["error_code"]), body_of(row)) for row in app.deadletters.rows(QueueName.BLOB_EVENTS)]


@pytest.mark.both_storages
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_blob_of_any_name_becomes_a_message_whose_href_leads_to_it(app: Clients, name: str) -> None:
    content = name.encode()
    blob = drop(app, name, content)
    for schema, form, encoding in zip(list(SCHEMAS) * 2, FORMS, ENCODINGS, strict=False):
        receive_events(sent_as(name, schema, form, encoding), app.now(), app.delivery, app.storage.blobs)
        (message,) = sent(app)
        href = message.pop("href")
        assert parse_item_message({"href": href, **message}).href == href
        assert app.hrefs.read_all(href, limit=10_000) == content
        properties = blob.get_blob_properties()
        assert message == {
            "correlation_id": properties.etag.strip('"'),
            "attempt": 0,
            "first_enqueued": format_timestamp(properties.last_modified),
        }


@pytest.mark.parametrize(
    "event",
    [
        event_grid_event("a.json", kind="Microsoft.Storage.BlobDeleted"),
        cloud_event("a.json", kind="Microsoft.Storage.BlobRenamed"),
        event_grid_event("a.json", container="incoming-2"),
        cloud_event("a.json", container="payloads"),
        without_subject(event_grid_event("a.json"), f"{ENDPOINT}/payloads/incoming/a.json"),
        event_grid_event("deleted since.json"),
    ],
)
def test_other_events_and_those_of_deleted_blobs_leave_nothing(app: Clients, event: Event) -> None:
    drop(app, "a.json")
    receive(app, event)
    assert (sent(app), letters(app), results(app), message_count(app, QueueName.BLOB_EVENTS)) == ([], [], [], 0)


BAD_EVENTS: dict[str, Any] = {
    "holds no type": {"id": "an event's own id", "collection": "c"},
    "is an item": {"type": "Feature", "id": "a", "collection": "c"},
    "has a type that is no text": event_grid_event("a.json", kind=7),  # type: ignore[arg-type]
    "names no blob": event_grid_event("", data={"url": f"{ENDPOINT}/incoming/"}),
    "has no subject and no data": {"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated"},
    "has a url that is none": event_grid_event("", data={"url": "http://[x/incoming/a"}),
    "climbs out of its container": event_grid_event("../payloads/a.json"),
    "is no object": 7,
    "is nothing": None,
}


@pytest.mark.parametrize("bad", BAD_EVENTS.values(), ids=list(BAD_EVENTS))
def test_a_malformed_event_is_a_dead_letter_alone_with_a_result(app: Clients, bad: object) -> None:
    drop(app, "a.json")
    drop(app, "b.json")
    receive(app, [event_grid_event("a.json"), bad, cloud_event("b.json")])
    assert sorted(message["href"].rpartition("/")[2] for message in sent(app)) == ["a.json", "b.json"]
    ((code, body),) = letters(app)
    assert (code, json.loads(body)) == (ErrorCode.BAD_MESSAGE, bad)
    (result,) = results(app)
    assert (result["outcome"], result["id"], result["collection"]) == ("rejected", None, None)
    assert result["error_message"]


@pytest.mark.parametrize("body", [b"[]", b"[1", b"not json", b"\xff", b"{", b"[" + b"1," * 900 + b"1]"])
def test_a_body_that_is_no_list_of_events_is_one_dead_letter(app: Clients, body: bytes) -> None:
    receive_events(body, app.now(), app.delivery, app.storage.blobs)
    assert letters(app) == [(ErrorCode.BAD_MESSAGE, body)]
    assert [result["outcome"] for result in results(app)] == ["rejected"]


def test_an_event_waits_while_the_storage_refuses_and_is_a_dead_letter_after_the_retry_window(azurite: Azurite) -> None:
    clock, refuses = Clock(), [True]

    def grants(service: str, method: str, path: str) -> bool:
        return not (refuses[0] and service == "blob" and method == "HEAD" and "/incoming/" in path)

    with guarded(azurite, grants) as connection:
        app = make_app(azurite, "http://127.0.0.1:9", clock, INGEST_STORAGE=connection, TIME_SCALE="0.01")
        clear(app)
        drop(app, "a.json")
        enqueued_at = parse_timestamp("2026-04-16T10:00:00Z")

        receive_events(json.dumps([event_grid_event("a.json")]).encode(), enqueued_at, app.delivery, app.storage.blobs)
        assert (sent(app), letters(app), results(app)) == ([], [], [])
        delayed = eventually(lambda: sent(app, QueueName.BLOB_EVENTS))[0]
        kept = {name: value for name, value in delayed.items() if name != "retry_since"}
        assert kept == {"event": event_grid_event("a.json"), "attempt": 1, "first_enqueued": "2026-04-16T10:00:00Z"}

        receive(app, delayed)
        again = eventually(lambda: sent(app, QueueName.BLOB_EVENTS))[0]
        assert again == {**delayed, "attempt": 2}

        clock.advance(timedelta(days=8))
        receive(app, again)
        assert [(code, json.loads(body)) for code, body in letters(app)] == [(ErrorCode.STORAGE_UNAVAILABLE, again)]
        assert [result["outcome"] for result in results(app)] == ["rejected"]

        refuses[0] = False
        receive(app, again)
        assert [message["href"].rpartition("/")[2] for message in sent(app)] == ["a.json"]
        clear(app)


def test_events_that_crash_are_tried_once_more_each_by_itself_and_then_are_dead_letters(app: Clients) -> None:
    events = [event_grid_event("a.json"), cloud_event("b.json")]
    drop(app, "a.json")
    record_poison(QueueName.BLOB_EVENTS, base64.b64encode(json.dumps(events).encode()), app.now(), poison_desk(app))
    assert message_count(app, QueueName.BLOB_EVENTS) == len(events)
    assert (letters(app), results(app)) == ([], [])

    once_more = {"event": events[0], "attempt": 0, "crashes": 1}
    receive(app, once_more)
    assert [message["href"].rpartition("/")[2] for message in sent(app)] == ["a.json"]
    record_poison(QueueName.BLOB_EVENTS, json.dumps(once_more).encode(), app.now(), poison_desk(app))
    assert [(code, json.loads(body)) for code, body in letters(app)] == [(ErrorCode.REPEATED_CRASH, once_more)]
    assert [result["error_code"] for result in results(app)] == [ErrorCode.REPEATED_CRASH]
