"""The parts a benchmark runs on: Azurite, the emulators of identity and GeoCatalog, and the host with the app."""

import base64
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
import requests
import urllib3
from azure.storage.queue import QueueSasPermissions, generate_queue_sas

from bench.items import COLLECTION, collection
from local.azurite import DEVELOPMENT_ACCOUNT, Azurite
from local.identity import CLIENT_ID, Identity, make_token
from local.stack.parts import Part
from shared.clients import Clients, build_clients
from shared.messages.results import Outcome
from shared.records.status_rows import COUNT_PREFIX
from shared.settings import read_settings
from shared.upkeep.provision import create_storage

PROJECT = Path(__file__).resolve().parent.parent
# Prefix of the settings that override the queue settings of host.json.
HOST_QUEUES = "AzureFunctionsJobHost__extensions__queues__"
WIDTH = 16  # of every pool of threads that is compared
_PATIENCE_SECONDS = 900.0
_FEED_SECONDS = 0.1
_MOST_WAITING = 100
# Producers run on machines of their own in truth, so these send prepared messages with as little work as can be.
_PRODUCERS = 4
_SEND_SECONDS = 60.0
_VERSION = {"api-version": "2026-04-15"}

# What is measured, and nothing else: no other timers, and the tracker starts within a second of the first operation.
# In Azure its tick comes each minute; durations are Azure's own (TIME_SCALE 1).
_SETTINGS = {
    "TIME_SCALE": "1",
    "TRACK_SCHEDULE": "* * * * * *",
    "MAX_REQUESTS_PER_SECOND": "0",
    "AzureWebJobs.renew_sources.Disabled": "true",
    "AzureWebJobs.remove_expired.Disabled": "true",
}

# Files that lie in memory, where the machine has such a place. Azurite's own --inMemoryPersistence stops answering for
# good within a minute of the thousandth message (3.37).
_MEMORY = Path("/dev/shm")  # noqa: S108 - holds nothing but a folder of its own

_IDENTITY = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS")


def bearer_token() -> str:
    """Makes a token such as the app gets from its identity."""
    return make_token(Identity("unused"), "https://geocatalog.spatio.azure.com", CLIENT_ID, int(time.time()))


class BenchStack:
    """The running parts.

    Attributes:
        app: the app's own clients, to look at its tables and queues.
        url: the GeoCatalog emulator's.
    """

    def __init__(self, parts: ExitStack, state: Path, behavior: Mapping[str, Any]) -> None:
        self._parts = parts
        self._state = state
        self._azurite = parts.enter_context(Azurite(state / "azurite"))
        connection = self._azurite.connection_string()
        identity = self._part("local.identity", "--header", "bench")
        self.url = self._part("local.geocatalog", "--assets", "trust").url
        self._environment = {
            "INGEST_STORAGE": connection,
            "AzureWebJobsStorage": connection,
            "GEOCATALOG_URL": self.url,
            "PLANETARY_COMPUTER_URL": self.url,  # never asked
            "IDENTITY_ENDPOINT": f"{identity.url}/msi/token",
            "IDENTITY_HEADER": "bench",
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            **_SETTINGS,
        }
        # The app's clients in this process take the same identity.
        os.environ.update({name: self._environment[name] for name in _IDENTITY})
        self.app: Clients = build_clients(read_settings(self._environment))
        create_storage(self.app.storage)
        self._http = urllib3.PoolManager(maxsize=_PRODUCERS)
        self._messages_url = self._sign_messages_url()
        self._create_collection()
        self.behave(behavior)

    def start_host(self, settings: Mapping[str, str] | None = None) -> psutil.Process:
        """Starts the host and returns the process of the app's own worker."""
        host = self._part("local.host", "--app", str(PROJECT), environment={**self._environment, **(settings or {})})
        return next(
            child
            for child in psutil.Process(host.pid).children()
            if any("worker.py" in part for part in child.cmdline())
        )

    def behave(self, behavior: Mapping[str, Any]) -> None:
        """Sets the emulator's latency and how long ingestion takes, and forgets what it was asked."""
        requests.post(f"{self.url}/_emulator/reset", timeout=60).raise_for_status()
        requests.put(f"{self.url}/_emulator/behavior", json=dict(behavior), timeout=60).raise_for_status()

    def asked(self) -> list[dict[str, Any]]:
        """Returns the requests that the emulator has seen since it was told how to behave."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_emulator/requests", timeout=60).json()
        return found

    def enqueue(self, items: Iterable[dict[str, Any]]) -> None:
        """Puts items on the queue."""
        self._send_all([_message(item) for item in items])

    def feed(self, items: Sequence[dict[str, Any]]) -> None:
        """Puts items on the queue as a producer does that keeps to the pace of the app, and takes the results.

        Azurite looks through all messages of the account at each deletion, which Azure does not.
        """
        queue = self.app.queues.client("items")
        messages = [_message(item) for item in items]
        while messages:
            room = max(0, _MOST_WAITING - int(queue.get_queue_properties().approximate_message_count or 0))
            self._send_all(messages[:room])
            del messages[:room]
            self.clear_results()
            time.sleep(_FEED_SECONDS)

    def clear_results(self) -> None:
        """Removes the results: Azurite's queues grow slower with every message in the account."""
        self.app.queues.client("results").clear_messages()

    def ingested(self) -> int:
        """Returns how many outcomes were written, from the day's counts that stand in the same transactions."""
        row = self.app.status.read(COLLECTION, COUNT_PREFIX + datetime.now(UTC).date().isoformat()) or {}
        return int(row.get(Outcome.INGESTED.value, 0))

    def _send_all(self, messages: Sequence[bytes]) -> None:
        with ThreadPoolExecutor(_PRODUCERS) as pool:
            for _ in pool.map(self._send, messages):
                pass

    def _send(self, message: bytes) -> None:
        answer = self._http.request("POST", self._messages_url, body=message, timeout=_SEND_SECONDS)
        if answer.status != HTTPStatus.CREATED:
            raise RuntimeError(f"Azurite took no message: {answer.status} {answer.data!r}")

    def _sign_messages_url(self) -> str:
        signature = generate_queue_sas(
            DEVELOPMENT_ACCOUNT,
            "items",
            self._azurite.accounts[DEVELOPMENT_ACCOUNT],
            permission=QueueSasPermissions(add=True),
            expiry=datetime.now(UTC) + timedelta(days=1),
        )
        return f"{self._azurite.queue_endpoint()}/items/messages?{signature}"

    def _part(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Part:
        part = Part(
            module,
            module,
            [*arguments, "--port", "0"],
            log=self._state / f"{module}.log",
            environment=environment or {},
        )
        self._parts.callback(part.stop)
        part.wait_ready()
        return part

    def _create_collection(self) -> None:
        self.app.geocatalog.post_collection(collection())
        wait_for(lambda: self.app.geocatalog.get_collection(COLLECTION) is not None)


def _message(item: dict[str, Any]) -> bytes:
    text = base64.b64encode(json.dumps({"item": item}).encode()).decode()
    return f"<QueueMessage><MessageText>{text}</MessageText></QueueMessage>".encode()


@contextmanager
def bench_stack(*, latency_ms: float = 0, ingest_seconds: tuple[float, float] = (0, 0.5)) -> Iterator[BenchStack]:
    """Runs a stack of its own, without the host.

    Args:
        latency_ms: how long GeoCatalog takes for every answer.
        ingest_seconds: how long an ingestion takes, at least and at most.
    """
    behavior = {"latency_ms": latency_ms, "ingest_seconds": list(ingest_seconds)}
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as state, ExitStack() as parts:
        yield BenchStack(parts, Path(state), behavior)


def wait_for(condition: Callable[[], bool], *, pause: float = 0.1) -> None:
    """Waits until a condition holds.

    Raises:
        TimeoutError: it did not in 15 minutes.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("what the benchmark waits for never came")
        time.sleep(pause)


def cpu_seconds(process: psutil.Process) -> float:
    """Returns the processor time of a process so far, user and system."""
    times = process.cpu_times()
    return float(times.user + times.system)
