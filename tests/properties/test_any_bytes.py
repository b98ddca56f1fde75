"""Whatever bytes lie on whatever queue: no function crashes, and each message leaves a trace where people look."""

import base64
import json
import logging
import os
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.clients import Clients
from shared.collections.configure import configure_message
from shared.collections.deletions_queue import delete_message
from shared.delivery.blob_events import receive_events
from shared.delivery.poison import record_poison
from shared.items.ingestion import ingest_message
from shared.messages.models import BlobEventMessage, CollectionMessage, DeletionMessage, ItemMessage, Message, QueueName
from tests.data.blob_events import event_grid_event
from tests.data.documents import collection, item
from tests.properties.apps import Account, clear_queues, make_app, message_count, poison_desk, results
from tests.properties.catalog import COLLECTION, Catalog

HANDLERS: dict[str, Callable[[bytes, Clients], None]] = {
    "items": lambda raw, app: ingest_message(raw, app.now(), app),
    "collections": lambda raw, app: configure_message(raw, app.now(), app),
    "deletions": lambda raw, app: delete_message(raw, app.now(), app),
    "blob-events": lambda raw, app: receive_events(raw, app.now(), app.delivery, app.storage.blobs),
    "items-poison": lambda raw, app: record_poison(QueueName.ITEMS, raw, app.now(), poison_desk(app)),
    "collections-poison": lambda raw, app: record_poison(QueueName.COLLECTIONS, raw, app.now(), poison_desk(app)),
    "deletions-poison": lambda raw, app: record_poison(QueueName.DELETIONS, raw, app.now(), poison_desk(app)),
    "blob-events-poison": lambda raw, app: record_poison(QueueName.BLOB_EVENTS, raw, app.now(), poison_desk(app)),
}
MODELS: dict[str, type[Message]] = {
    "items": ItemMessage,
    "collections": CollectionMessage,
    "deletions": DeletionMessage,
    "blob-events": BlobEventMessage,
}

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.builds(
    lambda changes: {**item(collection=COLLECTION), **changes},
    st.dictionaries(st.sampled_from([*item(), "stac_extensions"]), JSON, max_size=2),
)
COLLECTIONS = st.builds(
    lambda changes: {**collection(COLLECTION), **changes},
    st.dictionaries(st.sampled_from([*collection(), "assets", "title"]), JSON, max_size=2),
)
EVENTS = st.builds(
    lambda changes: {**event_grid_event("a.json"), **changes},
    st.dictionaries(st.sampled_from([*event_grid_event(""), "specversion", "type"]), JSON, max_size=2),
)
PLAUSIBLE = st.sampled_from(
    [COLLECTION, "scene-1", "replace", "2026-04-16T10:00:00Z", 1, True, [], {}, "https://a.example/x.json", "0", [{}]]
)


def nearly_messages(queue: str) -> st.SearchStrategy[Any]:
    """Give objects that have a queue's own fields, with values that are right, or nearly so, or anything."""
    model = MODELS[queue.removesuffix("-poison")]
    names = [info.alias or name for name, info in model.model_fields.items()]
    fields = st.dictionaries(st.sampled_from(names), PLAUSIBLE | JSON, max_size=4)
    whole = {
        "items": st.builds(lambda document, rest: {**rest, "item": document}, ITEMS, fields) | ITEMS,
        "collections": st.builds(lambda document, rest: {**rest, "definition": document}, COLLECTIONS, fields),
        "deletions": st.builds(lambda rest: {"collection": COLLECTION, "id": "scene-1", **rest}, fields),
        "blob-events": st.lists(EVENTS | fields, max_size=3) | EVENTS,
    }
    return whole[queue.removesuffix("-poison")] | fields


def bodies(queue: str) -> st.SearchStrategy[bytes]:
    """Give bodies for a queue, plain and base64."""
    sensible = st.one_of(*(nearly_messages(name) for name in MODELS if queue.startswith(name)))
    objects = (sensible | JSON).map(lambda value: json.dumps(value, ensure_ascii=False).encode())
    plain = st.binary(max_size=60) | objects | objects
    return plain | plain.map(base64.b64encode)


@pytest.fixture(autouse=True)
def _informed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="shared.delivery.blob_events")


@pytest.fixture(scope="module")
def app(account: Account, catalog: Catalog) -> Clients:
    made = make_app(account, catalog.url, ALLOWED_HREF_HOSTS="a.example")
    clear_queues(made)
    catalog.reset()
    return made


@pytest.mark.parametrize("queue", list(HANDLERS))
@settings(
    max_examples=int(os.environ.get("BYTES_EXAMPLES", "40")),
    deadline=None,
    derandomize="BYTES_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_bytes(queue: str, app: Clients, data: st.DataObject, caplog: pytest.LogCaptureFixture) -> None:
    raw = data.draw(bodies(queue))
    caplog.clear()

    try:
        HANDLERS[queue](raw, app)
    except AzureError as error:
        pytest.fail(f"the storage answers, so {type(error).__name__} is a fault of ours")

    left_a_trace = results(app) or any(message_count(app, name) for name in QueueName) or new_operations(app)
    clear_work(app)
    assert left_a_trace or (queue == QueueName.BLOB_EVENTS and caplog.messages)  # dropped events are only logged


_seen_operations: set[str] = set()


def new_operations(app: Clients) -> set[str]:
    """Give the operations that are open and were not before: their end will be announced."""
    found = {row.operation_id for name in app.status.partitions() for row in app.status.open_operations(name)}
    new = found - _seen_operations
    _seen_operations.update(found)
    return new


def clear_work(app: Clients) -> None:
    """Remove what was sent back."""
    for queue in MODELS:
        app.queues.client(queue).clear_messages()
