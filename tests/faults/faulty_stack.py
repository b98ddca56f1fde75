"""The real parts, each of which can be hurt: Azurite, the GeoCatalog emulator, one host or several."""

import contextlib
import itertools
import json
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from local.azurite import Azurite
from local.stack.parts import Part
from local.stack.restarts import Restarts
from local.stack.stack import PROJECT, QUICK_SETTINGS
from shared.clients import Clients, build_clients
from shared.records.status_rows import ITEM_PREFIX
from shared.settings import read_settings
from shared.upkeep.provision import QUEUES, create_storage
from tests.recordings.recording_proxy import RecordingProxy
from tests.running_stack import DECISIONS, small_collection, small_item, wait_for

# Items of a test; docs/reliability.md shows a run of FAULT_ITEMS=300.
COUNT = int(os.environ.get("FAULT_ITEMS", "100"))
# Fewer would be done before the last kill.
COUNT_OF_KILLS = max(COUNT, 300)
ITEMS = "/stac/collections/*/items*"

# The protocol's durations, fifty times as fast: a claim lasts 7 s and the first delay is a second, the host's least.
SETTINGS = {
    **QUICK_SETTINGS,
    "TIME_SCALE": "0.02",
    "TRACK_SCHEDULE": "* * * * * *",
    "RENEW_SCHEDULE": "0 0 0 1 1 *",
    "RETRY_MAX_AGE": "PT1H",
    "LOCAL_HOST_RECEIVE_VISIBILITY": "6",
    "LOCAL_HOST_TIMER_LOCK": "15",
}


class FaultyStack:
    """The app on real parts that a test can hurt.

    Attributes:
        azurite: the storage.
        clients: the app's own clients.
        hosts: the running hosts.
        figures: what was injected and seen, printed at the end.
        collection: the collection that the present test fills.
    """

    collection: str

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        self._folder = folder
        self._resources = resources
        self.azurite = resources.enter_context(Azurite(folder / "azurite"))
        self.hosts: list[Restarts] = []
        self._hosts_lock = threading.Lock()
        self._numbers = itertools.count()
        self.figures: Counter[str] = Counter()
        identity = self._start("identity", "local.identity", ["--header", "a header"])
        emulator = self._start("geocatalog", "local.geocatalog", ["--assets", "trust", "--decisions", DECISIONS])
        self.geocatalog_url = emulator.url
        connection = self.azurite.connection_string()
        self.environment = {
            **SETTINGS,
            "INGEST_STORAGE": connection,
            "AzureWebJobsStorage": connection,
            "GEOCATALOG_URL": emulator.url,
            "IDENTITY_ENDPOINT": f"{identity.url}/msi/token",
            "IDENTITY_HEADER": "a header",
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }
        os.environ.update(
            {name: value for name, value in self.environment.items() if name.startswith(("IDENTITY_", "AZURE_"))}
        )
        self.clients: Clients = build_clients(read_settings({**self.environment, "TIME_SCALE": "1"}))
        create_storage(self.clients.storage)

    def begin(self, collection: str) -> None:
        """Begins a test: with a collection of its own, a GeoCatalog without faults, and no figures."""
        requests.post(f"{self.geocatalog_url}/_emulator/reset", timeout=10).raise_for_status()
        self.behave(ingest_seconds=[0.05, 0.3])
        self.create_collection(collection)
        self.collection = collection
        self.figures.clear()
        self._writes_before = self.succeeded_writes()

    def doubled(self, items: int) -> int:
        """Counts the operations that wrote an item since the test began, beyond one for each of so many items."""
        return self.succeeded_writes() - self._writes_before - items

    def put_proxy_before_queues(self, **settings: str) -> RecordingProxy:
        """Has the hosts started from now on reach the queues through a proxy that can spoil requests.

        Args:
            settings: settings of those hosts, over the others.
        """
        direct = self.azurite.queue_endpoint()
        proxy = self._resources.enter_context(RecordingProxy(direct))
        connection = self.azurite.connection_string().replace(direct, proxy.endpoint)
        self.environment |= {"INGEST_STORAGE": connection, **settings}
        return proxy

    def _start(self, name: str, module: str, arguments: list[str]) -> Part:
        environment = getattr(self, "environment", {})
        part = Part(name, module, arguments, log=self._folder / f"{name}.log", environment=environment)
        self._resources.callback(part.stop)
        part.wait_ready()
        return part

    def start_host(self) -> Part:
        """Starts one more host with the real app."""
        host = self._start(f"host-{next(self._numbers)}", "local.host", ["--app", str(PROJECT)])
        self.figures["hosts started"] += 1
        with self._hosts_lock:
            self.hosts.append(Restarts(host))
        return host

    def kill_host(self) -> None:
        """Kills one host as a power cut would, and its worker with it."""
        with self._hosts_lock:
            host = self.hosts.pop().part
        os.kill(host.pid, signal.SIGKILL)
        host.stop()
        self.figures["hosts killed"] += 1

    def hosts_restarted(self) -> int:
        """Counts the restarts of hosts that stopped by themselves, as they do without storage."""
        return sum(host.count for host in self.hosts)

    def supervise(self, ended: threading.Event) -> None:
        """Starts hosts again that stopped by themselves, as the platform does, until an event is set."""
        while not ended.wait(0.1):
            with self._hosts_lock:
                for host in self.hosts:
                    host.check()

    def behave(self, **behavior: Any) -> None:
        """Tells the emulator how to behave."""
        answer = requests.put(f"{self.geocatalog_url}/_emulator/behavior", json=behavior, timeout=10)
        assert answer.ok, answer.text

    def create_collection(self, collection: str) -> None:
        """Creates a collection without the app."""
        self.clients.geocatalog.post_collection(small_collection(collection))
        wait_for(lambda: self.clients.geocatalog.get_collection(collection), "the collection")

    def send_items(self, collection: str, count: int, **properties: Any) -> dict[str, dict[str, Any]]:
        """Sends that many items and returns them by id."""
        items = {f"item-{number}": small_item(collection, f"item-{number}", **properties) for number in range(count)}
        for item in items.values():
            self.clients.queues.send("items", item)
        self.figures["items"] += count
        return items

    def statuses(self, collection: str) -> Counter[str]:
        """Counts the item rows of a collection by status."""
        rows = self.clients.status.query_prefix(collection, ITEM_PREFIX, select=["status"])
        return Counter(str(row["status"]) for row in rows)

    def wait_settled(self, collection: str, expected: Mapping[str, int], *, seconds: float = 600) -> None:
        """Waits until the rows stand as expected."""
        last: Counter[str] = Counter()

        def settled() -> bool:
            nonlocal last
            with contextlib.suppress(Exception):  # the storage may be down at this very moment
                last = self.statuses(collection)
            return last == expected

        try:
            wait_for(settled, f"{dict(expected)} in {collection}", seconds=seconds)
        except AssertionError as error:
            rows = [
                f"{row['RowKey']} {row['status']} {row.get('error_code')} {row.get('history')}"
                for row in self.clients.status.query_prefix(collection, ITEM_PREFIX)
                if row["status"] not in expected
            ]
            raise AssertionError(f"{error}; rows stand at {dict(last)}: {rows[:5]}") from None

    def wait_queues_empty(self, *, seconds: float = 300) -> None:
        """Waits until no message is left on any queue but `results`."""

        def left() -> dict[str, int]:
            names = [name for name in QUEUES if name != "results"]
            counts = {name: self.clients.queues.client(name).get_queue_properties() for name in names}
            return {name: found.approximate_message_count or 0 for name, found in counts.items()}

        wait_for(lambda: not any(left().values()), "empty queues", seconds=seconds)

    def catalog(self, collection: str) -> dict[str, dict[str, Any]]:
        """Returns what GeoCatalog holds, by item id."""
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, Any] = {"collections": [collection], "limit": 1000}
        page = self.clients.geocatalog.search(query)
        found |= {feature["id"]: feature for feature in page["features"]}
        assert len(found) < 1000
        return found

    def succeeded_writes(self) -> int:
        """Counts the operations that added or updated an item."""
        return sum(
            operation["type"] in {"AddItem", "UpdateItem"} and operation["status"] == "Succeeded"
            for page in self.clients.geocatalog.operations(max_pages=1000)
            for operation in page
        )

    def outcomes(self) -> Counter[str]:
        """Drains the results queue and counts outcomes, one per item and outcome."""
        import base64  # noqa: PLC0415

        queue = self.clients.queues.client("results")
        seen: Counter[str] = Counter()
        while batch := list(queue.receive_messages(messages_per_page=32, max_messages=32)):
            for message in batch:
                seen[json.loads(base64.b64decode(str(message.content)))["outcome"]] += 1
                queue.delete_message(message)
        return seen

    def check_catalog(self, collection: str, items: Mapping[str, dict[str, Any]]) -> None:
        """Checks that GeoCatalog holds exactly these items with this content."""
        held = self.catalog(collection)
        assert held.keys() == items.keys()
        wrong = [key for key, item in items.items() if held[key]["properties"] != item["properties"]]
        self.figures["lost"] = len(items.keys() - held.keys())
        assert wrong == []

    def check_poison(self) -> None:
        """Checks that nothing needless became a dead letter."""
        table = self.clients.storage.tables.get_table_client("deadletters")
        assert [str(letter["reason"]) for letter in table.list_entities()] == []

    def report(self, name: str) -> None:
        """Prints the figures of a test."""
        self.figures["hosts restarted"] = self.hosts_restarted()
        calls = requests.get(f"{self.geocatalog_url}/_emulator/requests", timeout=10).json()
        self.figures["calls to GeoCatalog"] = len(calls)
        self.figures["faults answered"] = sum(call["status"] is None or call["status"] >= 429 for call in calls)
        print(f"\n{name}: " + ", ".join(f"{value} {what}" for what, value in sorted(self.figures.items())))  # noqa: T201


@contextmanager
def faulty_stack(folder: Path) -> Iterator[FaultyStack]:
    """Runs a stack."""
    with ExitStack() as resources, pytest.MonkeyPatch.context() as patch:
        stack = FaultyStack(folder, resources)
        for variable in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
            patch.setenv(variable, stack.environment[variable])
        ended = threading.Event()
        supervision = threading.Thread(target=stack.supervise, args=(ended,))
        supervision.start()
        try:
            yield stack
        finally:
            ended.set()
            supervision.join()


def jittered(low: float, high: float) -> float:
    """Returns a random number of seconds: the moment of a kill is the one thing that must not be planned."""
    return random.uniform(low, high)  # noqa: S311


def check_all_ingested(stack: FaultyStack, items: Mapping[str, dict[str, Any]]) -> None:
    """Waits until all is ingested, takes the faults away, and checks that nothing is lost or left over."""
    stack.wait_settled(stack.collection, {"Succeeded": len(items)})
    stack.behave(faults=[], operation_failures=[])
    stack.wait_queues_empty()
    stack.check_catalog(stack.collection, items)
    stack.check_poison()
    stack.figures["doubled"] = stack.doubled(len(items))
