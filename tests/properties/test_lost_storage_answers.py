"""A table write whose answer is lost is repeated at once: nothing is delayed, sent twice or left claimed."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from local.azurite import Azurite
from shared.basics.errors import Unavailable
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.collections.claims import claim_collection
from shared.items.ingestion import ingest_message
from shared.messages.models import QueueName
from shared.operations.tracking import track_operations
from shared.records.status_rows import ItemStatus
from tests.data.documents import item
from tests.properties.apps import clear_queues, make_app, message_count, results
from tests.properties.catalog import COLLECTION, Catalog

# The writes to tables of an item that is new (claim, submission, closing), and of one that has a row: an insert before
# that, which is refused.
NEW, KNOWN = 3, 4
TAKE = (KNOWN, 2)


@pytest.fixture
def app(azurite: Azurite, catalog: Catalog) -> Clients:
    """Build clients on empty queues, with the real delays: what is delayed is seen."""
    made = make_app(azurite, catalog.url)
    clear_queues(made)
    catalog.reset()
    return made


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """Lose the answer of the nth table write from now on; gives the paths of all of them, as they are made."""
    send = HTTPAdapter.send

    def losing(number: int) -> list[str]:
        made: list[str] = []

        def send_and_lose(
            self: HTTPAdapter, request: requests.PreparedRequest, *arguments: Any, **options: Any
        ) -> requests.Response:
            response = send(self, request, *arguments, **options)
            path = urlsplit(str(request.url)).path
            if request.method == "POST" and path.endswith("/$batch"):
                made.append(path)
                if len(made) == number:
                    _ = response.content  # so that the connection is free again
                    raise requests.ConnectionError(ProtocolError("Connection aborted."), request=request)
            return response

        monkeypatch.setattr(HTTPAdapter, "send", send_and_lose)
        return made

    return losing


def ingest(app: Clients, item_id: str, **properties: str) -> None:
    document = item(item_id, collection=COLLECTION)
    document["properties"] |= properties
    ingest_message(json.dumps({"item": document}).encode(), app.now(), app)


@pytest.mark.parametrize(
    ("writes", "number"), [(writes, number) for writes in (NEW, KNOWN) for number in range(1, writes + 1)]
)
def test_an_item_is_ingested_once_and_without_delay(
    app: Clients, catalog: Catalog, lose: Callable[[int], list[str]], writes: int, number: int
) -> None:
    item_id = f"lost-{number}-of-{writes}"
    if writes == KNOWN:
        ingest(app, item_id, note="first")
        track_operations(app)
        results(app)
        catalog.reset()
    made = lose(number)

    ingest(app, item_id, note="second")
    track_operations(app)

    (result,) = results(app, item_id)
    assert result["outcome"] == ("replaced" if writes == KNOWN else "ingested")
    row = app.status.get(COLLECTION, item_id)
    assert row is not None
    assert row.status is ItemStatus.SUCCEEDED
    assert len(catalog.writes()) == 1
    assert message_count(app, QueueName.ITEMS) == 0
    # Each write once and the lost one again. Who lost the answer of a take finds by an insert that the row is its own.
    assert len(made) == writes + (2 if (writes, number) == TAKE else 1)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_items_that_share_a_transaction_are_each_ingested_once(
    app: Clients, catalog: Catalog, lose: Callable[[int], list[str]], number: int
) -> None:
    items = [f"shared-{number}-{index}" for index in range(32)]
    made = lose(number)

    run_all(lambda item_id: ingest(app, item_id), items)
    track_operations(app)

    assert len(made) > number
    rows = [app.status.get(COLLECTION, item_id) for item_id in items]
    assert [row.status for row in rows if row] == [ItemStatus.SUCCEEDED] * len(items)
    assert len(catalog.writes()) == len(items)
    assert message_count(app, QueueName.ITEMS) == 0


def test_a_collection_is_claimed_by_who_wrote_the_claim(app: Clients, lose: Callable[[int], list[str]]) -> None:
    app.status.merge_collection("lost-claim", {"claimed_by": ""})
    made = lose(1)

    owner = claim_collection("lost-claim", app)

    assert len(made) == 2
    assert app.status.get_collection("lost-claim")["claimed_by"] == owner
    with pytest.raises(Unavailable):
        claim_collection("lost-claim", app)
