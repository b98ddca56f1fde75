"""An item that GeoCatalog refuses at once because it is there (409) is handled as its message says."""

import base64
import json
import uuid
from typing import Any

import pytest

from shared.basics.errors import ErrorCode
from shared.clients import Clients
from shared.items.ingestion import ingest_message
from shared.messages.models import QueueName
from shared.operations.tracking import track_operations
from shared.records.status_rows import ItemStatus
from tests.data.documents import item
from tests.properties.apps import Account, clear_queues, make_quick_app, message_count, results, take_all
from tests.properties.catalog import COLLECTION, Catalog, wait_until

EXISTS = {"method": "POST", "path": "*/items", "kind": "status", "status": 409, "count": 1}
LOST = {"method": "POST", "path": "*/items", "kind": "lose_response", "count": 1}


@pytest.fixture
def app(account: Account, catalog: Catalog) -> Clients:
    """Build clients on empty queues, with delays of milliseconds."""
    made = make_quick_app(account, catalog.url)
    clear_queues(made)
    catalog.reset()
    return made


def ingest(app: Clients, item_id: str, **fields: str) -> None:
    message = {"item": item(item_id, collection=COLLECTION), **fields}
    ingest_message(base64.b64encode(json.dumps(message).encode()), app.now(), app)


def copy_of_it(app: Clients) -> bytes:
    """Take the message that waits on queue `items`, once it is visible."""
    found: list[Any] = []

    def is_found() -> bool:
        found.extend(take_all(app.queues.client(QueueName.ITEMS)))
        return bool(found)

    wait_until(is_found)
    return base64.b64decode(found[0].content)


def statuses(app: Clients, item_id: str) -> tuple[ItemStatus, bool | None]:
    row = app.status.get(COLLECTION, item_id)
    assert row is not None
    return row.status, row.in_catalog


@pytest.mark.parametrize(
    ("if_exists", "ending", "writes"),
    [
        ("replace", ("replaced", None, ItemStatus.SUCCEEDED), ["POST", "PUT"]),
        ("skip", ("skipped", None, ItemStatus.SUCCEEDED), ["POST"]),
        ("fail", ("failed", ErrorCode.ITEM_EXISTS.value, ItemStatus.FAILED), ["POST"]),
    ],
)
def test_what_the_message_says_is_done(
    app: Clients, catalog: Catalog, if_exists: str, ending: tuple[str, str | None, ItemStatus], writes: list[str]
) -> None:
    item_id = f"there-{if_exists}"
    app.geocatalog.post_item(COLLECTION, json.dumps(item(item_id, collection=COLLECTION)).encode())
    wait_until(lambda: catalog.item(item_id) is not None)
    catalog.reset()
    catalog.behave(faults=[EXISTS])

    ingest(app, item_id, if_exists=if_exists)
    track_operations(app)

    (result,) = results(app, item_id)
    assert (result["outcome"], result["error_code"], statuses(app, item_id)[0]) == ending
    assert [method for method, _ in catalog.writes()] == writes
    assert message_count(app, QueueName.ITEMS) == 0
    row = app.status.get(COLLECTION, item_id)
    assert row
    assert bool(row.stored_hash) == (if_exists == "replace")  # otherwise what GeoCatalog holds was never ours


@pytest.mark.both_storages
def test_an_item_that_is_there_because_of_an_answer_that_was_lost_is_ingested(app: Clients, catalog: Catalog) -> None:
    item_id = f"lost-then-there-{uuid.uuid4().hex}"  # one catalog serves both storages
    catalog.behave(faults=[LOST, {**EXISTS, "path": "*/items", "count": 1}])
    ingest(app, item_id, if_exists="fail")
    wait_until(lambda: catalog.item(item_id) is not None)
    ingest_message(copy_of_it(app), app.now(), app)

    (result,) = results(app, item_id)
    assert result["outcome"] == "ingested"
    assert statuses(app, item_id) == (ItemStatus.SUCCEEDED, True)
    assert [method for method, _ in catalog.writes()] == ["POST", "POST"]


def test_an_item_that_is_not_there_after_all_is_posted_again(app: Clients, catalog: Catalog) -> None:
    catalog.behave(faults=[EXISTS])
    ingest(app, "not-there-after-all", if_exists="replace")
    track_operations(app)  # the update finds nothing to replace

    ingest_message(copy_of_it(app), app.now(), app)
    track_operations(app)

    (result,) = results(app, "not-there-after-all")
    assert result["outcome"] == "ingested"
    assert [method for method, _ in catalog.writes()] == ["POST", "PUT", "POST"]
