"""How many calls an item costs: to the storage account, and to GeoCatalog while its operation is followed."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from local.azurite import Azurite
from shared.basics.json_codec import write_json
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.items.ingestion import ingest_message
from shared.operations.tracking import track_operations
from shared.records.status_rows import OPERATION_PREFIX, OperationKind, OperationRow, to_entity
from tests.conftest import running_part
from tests.data.documents import collection, item
from tests.properties.apps import clear_queues, make_app
from tests.properties.catalog import Catalog, wait_until
from tests.running_stack import DECISIONS

COLLECTION = "call-budget"
# Ends before a second pass would begin.
ONE_PASS = timedelta(seconds=2.9)


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Run an Azurite of its own: the tracker looks at every collection there is."""
    with Azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    """Run an emulator of its own: what it lists is part of what is counted."""
    with running_part("local.geocatalog", "--assets", "trust", "--no-auth", "--decisions", DECISIONS) as url:
        running = Catalog(url)
        running.reset()
        yield running


@pytest.fixture(scope="module")
def app(azurite: Azurite, catalog: Catalog) -> Iterator[Clients]:
    clients = make_app(azurite, catalog.url)
    clear_queues(clients)
    clients.geocatalog.post_collection(collection(COLLECTION))
    wait_until(lambda: clients.geocatalog.get_collection(COLLECTION) is not None)
    yield clients
    clear_queues(clients)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count every HTTP call of this process by method and path, names of rows and of messages left out."""
    counted: Counter[str] = Counter()
    send = HTTPAdapter.send

    def count(
        self: HTTPAdapter, request: requests.PreparedRequest, *arguments: Any, **options: Any
    ) -> requests.Response:
        path = re.sub(r"\(.*|~.*", "", urlsplit(str(request.url)).path)
        counted[f"{request.method} {path}"] += 1
        return send(self, request, *arguments, **options)

    monkeypatch.setattr(HTTPAdapter, "send", count)
    return counted


def test_a_new_item_costs_three_storage_calls_and_a_share(app: Clients, catalog: Catalog, calls: Counter[str]) -> None:
    catalog.behave(ingest_seconds=[0, 0])
    count = 100
    bodies = [write_json(item(f"new-{number}", COLLECTION)) for number in range(count)]

    for body in bodies:
        ingest_message(body, app.now(), app)
    track_operations(app, budget=ONE_PASS)

    account = "/devstoreaccount1"
    assert len(list(app.status.open_operations(COLLECTION))) == 0
    assert calls[f"POST {account}/results/messages"] == count, "the result: one message an item"
    closings = calls[f"POST {account}/$batch"] - 2 * count
    assert 0 < closings <= 3, "one transaction an item claims it, one records the submission, one of 49 closes them"
    assert calls[f"GET {account}/status"] <= closings + 20, (
        "the day's count for each, and the tracker's look at the table"
    )
    storage = sum(number for call, number in calls.items() if account in call)
    assert storage <= 3.2 * count, dict(calls)


def test_a_thousand_open_operations_are_followed_by_the_page(app: Clients, catalog: Catalog) -> None:
    catalog.behave(ingest_seconds=[600, 600])
    names = [f"open-{number}" for number in range(1_000)]
    started = run_all(lambda name: app.geocatalog.post_item(COLLECTION, write_json(item(name, COLLECTION))), names)
    rows = [
        OperationRow(COLLECTION, operation, OperationKind.ADD_ITEM, app.now(), name)
        for name, operation in zip(names, started, strict=True)
    ]
    for some in range(0, len(rows), 100):
        app.status.transact([("create", to_entity(row)) for row in rows[some : some + 100]])
    requests.post(f"{catalog.url}/_emulator/reset", timeout=10)

    try:
        assert track_operations(app, budget=ONE_PASS) == 0
        seen = requests.get(f"{catalog.url}/_emulator/requests", timeout=10).json()
    finally:
        for some in range(0, len(rows), 100):
            keys = [
                {"PartitionKey": COLLECTION, "RowKey": OPERATION_PREFIX + row.operation_id}
                for row in rows[some : some + 100]
            ]
            app.status.transact([("delete", key) for key in keys])
    asked = [request["path"] for request in seen if not request["path"].startswith("/_emulator")]
    assert 10 <= len(asked) <= 15
    assert set(asked) == {"/inma/operations"}
