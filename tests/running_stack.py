"""A running local stack, and what tests ask of it: messages in, rows and results out, requests the emulator saw."""

import base64
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests
from azure.storage.queue import QueueClient, QueueServiceClient

from local.geocatalog.decisions import DECISIONS_SETTING
from shared.clients import Clients, build_clients
from shared.messages.models import QueueName
from shared.records.status_rows import ITEM_PREFIX
from shared.settings import read_settings

T = TypeVar("T")
GEOCATALOG = [sys.executable, "-m", "cli.main"]

# A new collection exists only when its operation has ended: the answer of the service that asks most of the app.
DECISIONS = '{"new_collection": "operation"}'


def wait_for(condition: Callable[[], T], what: str, *, seconds: float = 60) -> T:
    """Waits until a condition gives something true, and returns it."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}; last seen: {found!r}"
        time.sleep(0.05)


def read_env(path: Path) -> dict[str, str]:
    """Reads the env file of a stack as a shell would."""
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


class RunningStack:
    """A stack that is up.

    Attributes:
        state: its folder.
        env: what it wrote into its env file.
        clients: the app's own clients, built from that.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.env = read_env(state / "env")
        os.environ.update({name: value for name, value in self.env.items() if name.startswith(("IDENTITY_", "AZURE_"))})
        self.clients: Clients = build_clients(read_settings(self.env))
        self._queues = QueueServiceClient.from_connection_string(self.env["INGEST_STORAGE"])
        self._results: list[dict[str, Any]] = []

    def queue(self, name: str) -> QueueClient:
        """Returns the plain SDK client of a queue, as a producer would have it."""
        return self._queues.get_queue_client(name)

    def send(self, queue: str, body: object, *, plain: bool = False) -> None:
        """Sends a message as a producer would: base64, or plain text."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.queue(queue).send_message(text if plain else base64.b64encode(text.encode()).decode())

    def results(self, **wanted: Any) -> list[dict[str, Any]]:
        """Drains the results queue and returns every result so far that has the wanted fields."""
        queue = self.queue(QueueName.RESULTS)
        while batch := list(queue.receive_messages(messages_per_page=32, max_messages=32)):
            for message in batch:
                self._results.append(json.loads(base64.b64decode(message.content)))
                queue.delete_message(message)
        return [result for result in self._results if wanted.items() <= result.items()]

    def result(self, *, seconds: float = 60, **wanted: Any) -> dict[str, Any]:
        """Waits for a result that has the wanted fields."""
        return wait_for(lambda: self.results(**wanted), f"a result with {wanted}", seconds=seconds)[0]

    def rows(self, collection: str) -> dict[str, Mapping[str, Any]]:
        """Returns the item rows of a collection by item id."""
        found = self.clients.status.query_prefix(collection, ITEM_PREFIX)
        return {str(row["RowKey"]).removeprefix(ITEM_PREFIX): row for row in found}

    def statuses(self, collection: str) -> dict[str, str]:
        """Returns the status of each item of a collection."""
        return {item_id: str(row["status"]) for item_id, row in self.rows(collection).items()}

    def wait_all(self, collection: str, status: str, ids: set[str], *, seconds: float = 90) -> None:
        """Waits until each of the items stands in a status."""

        def all_there() -> bool:
            statuses = self.statuses(collection)
            return all(statuses.get(item_id) == status for item_id in ids)

        wait_for(all_there, f"{len(ids)} items {status} in {collection}", seconds=seconds)

    def create_collection(self, collection: str) -> None:
        """Has the app create a small collection and waits for it."""
        self.send("collections", {"definition": small_collection(collection)})
        self.result(collection=collection, id=None, outcome="applied")

    def deadletters(self, queue: str) -> list[Mapping[str, Any]]:
        """Returns the dead letters of a queue."""
        table = self.clients.storage.tables.get_table_client("deadletters")
        return list(table.query_entities(f"PartitionKey eq '{queue}'"))

    def catalog(self, method: str, path: str, **options: Any) -> requests.Response:
        """Calls the emulator's control routes."""
        return requests.request(method, self.env["GEOCATALOG_URL"] + path, timeout=10, **options)

    def in_catalog(self, collection: str) -> dict[str, dict[str, Any]]:
        """Returns the items that GeoCatalog holds, by id."""
        page: dict[str, Any] = self.clients.geocatalog.search({"collections": [collection], "limit": 1000})
        return {feature["id"]: feature for feature in page["features"]}

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs the `geocatalog` command against the stack."""
        return subprocess.run(
            [*GEOCATALOG, *arguments],
            env={**os.environ, **self.env, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            **options,
        )


@contextmanager
def running_stack(state: Path, *options: str, settings: Mapping[str, str] | None = None) -> Iterator[RunningStack]:
    """Runs a stack of its own: `geocatalog local up --detach`, and `down` at the end."""
    environment = {**os.environ, DECISIONS_SETTING: DECISIONS, **(settings or {})}
    up = [*GEOCATALOG, "local", "up", "--detach", "--state", str(state), *options]
    started = subprocess.run(up, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        yield RunningStack(state)
    finally:
        down = [*GEOCATALOG, "local", "down", "--state", str(state)]
        subprocess.run(down, capture_output=True, timeout=300, check=True)


def small_collection(collection: str) -> dict[str, Any]:
    """Returns the smallest STAC Collection that GeoCatalog takes."""
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": collection,
        "description": "For a test",
        "license": "CC-BY-4.0",
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
        },
        "links": [],
    }


def small_item(collection: str, item_id: str, **properties: Any) -> dict[str, Any]:
    """Returns a small STAC Item with one asset on a public host (for stacks that trust hrefs)."""
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "collection": collection,
        "geometry": {"type": "Point", "coordinates": [-22.4, 63.85]},
        "bbox": [-22.4, 63.85, -22.4, 63.85],
        "properties": {"datetime": "2024-02-05T12:00:00Z", **properties},
        "links": [],
        "assets": {"data": {"href": f"https://example.com/{item_id}.tif", "type": "image/tiff", "roles": ["data"]}},
    }
