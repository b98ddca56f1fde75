"""What the plain functions work with: one set of clients per process, built on first use."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from azure.core.credentials import TokenCredential

from shared.basics.clock import utc_now
from shared.basics.errors import SettingsError
from shared.delivery.delivery import Delivery
from shared.files.hrefs import HrefReader
from shared.records.deadletters import DeadLetters
from shared.records.feed_store import FeedStore
from shared.records.shared_pause import SharedPause
from shared.records.source_store import SourceStore
from shared.records.status_store import StatusStore
from shared.services.geocatalog import GeoCatalog
from shared.services.planetary_computer import PlanetaryComputer
from shared.services.rate_limit import RateLimit
from shared.services.tokens import TokenSource, make_credential
from shared.settings import Settings, get_settings
from shared.storage.account import StorageClients, connect_storage
from shared.storage.payloads import Payloads
from shared.storage.queues import Queues
from shared.timings import Timings


@dataclass(frozen=True)
class Clients:
    """Everything a plain function may need, and the clock.

    Attributes:
        settings: the app's settings.
        timings: how long to wait for what.
        storage: the storage account's own clients.
        credential: the app's identity.
        geocatalog: the GeoCatalog.
        planetary_computer: the open Planetary Computer.
        status: table `status`.
        deadletters: table `deadletters`.
        sources: table `sources`.
        feeds: table `feeds`.
        queues: sends messages.
        pause: the pause that every instance keeps.
        hrefs: fetches what messages name by URL.
        now: tells the present moment.
    """

    settings: Settings
    timings: Timings
    storage: StorageClients
    credential: TokenCredential
    geocatalog: GeoCatalog
    planetary_computer: PlanetaryComputer
    status: StatusStore
    deadletters: DeadLetters
    sources: SourceStore
    feeds: FeedStore
    queues: Queues
    pause: SharedPause
    hrefs: HrefReader
    now: Callable[[], datetime]

    @property
    def delivery(self) -> Delivery:
        """What becomes of messages after their work."""
        return Delivery(
            queues=self.queues,
            deadletters=self.deadletters,
            pause=self.pause,
            timings=self.timings,
            retry_max_age=self.settings.retry_max_age,
            now=self.now,
        )


def build_clients(
    settings: Settings,
    *,
    credential: TokenCredential | None = None,
    storage: StorageClients | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Clients:
    """Builds the clients for the given settings; nothing is sent yet.

    Args:
        settings: the app's settings.
        credential: the identity to use; default: DefaultAzureCredential.
        storage: the storage account's clients; default: those that INGEST_STORAGE names.
        now: tells the present moment.

    Raises:
        SettingsError: INGEST_STORAGE is not a connection string.
    """
    credential = credential or make_credential()
    timings = Timings().scaled(settings.time_scale)
    try:
        storage = storage or connect_storage(settings.storage, credential)
    except ValueError as error:
        raise SettingsError(f"{error}.") from None
    sources = SourceStore(storage.tables)
    return Clients(
        settings=settings,
        timings=timings,
        storage=storage,
        credential=credential,
        geocatalog=GeoCatalog(
            settings.geocatalog_url,
            api_version=settings.geocatalog_api_version,
            tokens=TokenSource(credential, settings.geocatalog_scope),
            rate_limit=RateLimit(settings.max_requests_per_second),
            read_timeout=timings.read_timeout,
        ),
        planetary_computer=PlanetaryComputer(
            settings.planetary_computer_url,
            read_timeout=timings.read_timeout / 2,  # its reads are tried three times
            subscription_key=settings.planetary_computer_subscription_key,
        ),
        status=StatusStore(storage.tables),
        deadletters=DeadLetters(storage.tables, now=now),
        sources=sources,
        feeds=FeedStore(storage.tables),
        queues=Queues(storage.queues, Payloads(storage.blobs), results_queue=settings.results_queue),
        pause=SharedPause(storage.tables, timings, now=now),
        hrefs=HrefReader(storage.blobs, settings, sources.container_urls, time_limit=timings.fetch),
        now=now,
    )


_lock = threading.Lock()
_clients: Clients | None = None


def get_clients() -> Clients:
    """Returns the clients of this process, built from its settings on first use.

    Raises:
        SettingsError: a setting is missing or malformed; tried again at the next call.
    """
    global _clients  # noqa: PLW0603 - one set per process, written once under the lock
    with _lock:
        if _clients is None:
            _clients = build_clients(get_settings())
        return _clients
