"""The app's real clients for tests: on a storage account, the GeoCatalog emulator, and a clock that tests move."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.credentials import AccessToken
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from shared.basics.clock import utc_now
from shared.clients import Clients, build_clients
from shared.delivery.poison import PoisonDesk
from shared.settings import Settings, read_settings
from shared.storage.account import StorageClients, clients_over
from shared.storage.tables import PACING
from shared.timings import Timings
from shared.upkeep.provision import QUEUES, create_storage
from tests.memory.account import MemoryAccount

Account = Azurite | MemoryAccount

_MESSAGES_A_CALL = 32  # the service's limit


class AnyToken:
    """Credential for an emulator that takes any token."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002 - the interface of azure-core
        return AccessToken("any", int(utc_now().timestamp()) + 86_400)


class Clock:
    """The present moment, moved on by the test."""

    def __init__(self) -> None:
        self._ahead: list[tuple[datetime, timedelta]] = [(datetime.min.replace(tzinfo=UTC), timedelta(0))]

    def now(self) -> datetime:
        """Give the present moment on this clock."""
        return utc_now() + self._ahead[-1][1]

    def advance(self, duration: timedelta) -> None:
        """Move the clock on."""
        self._ahead.append((utc_now(), self._ahead[-1][1] + duration))

    def at(self, moment: datetime) -> datetime:
        """Give what this clock showed at a real moment."""
        return moment + next(ahead for since, ahead in reversed(self._ahead) if since <= moment)


def make_app(account: Account, catalog_url: str, clock: Clock | None = None, **environment: str) -> Clients:
    """Build the app's clients as the host would, and everything they need in their storage."""
    settings = read_settings(
        {
            "GEOCATALOG_URL": catalog_url,
            "INGEST_STORAGE": account.connection_string(),
            "MAX_REQUESTS_PER_SECOND": "0",
            "PLANETARY_COMPUTER_URL": catalog_url,  # never asked
            **environment,
        }
    )
    storage = _memory_clients(account, settings) if isinstance(account, MemoryAccount) else None
    app = build_clients(settings, credential=AnyToken(), storage=storage, now=(clock or Clock()).now)
    create_storage(app.storage)
    return app


def _memory_clients(account: MemoryAccount, settings: Settings) -> StorageClients:
    return clients_over(account.session(), settings.storage, None)


def make_quick_app(account: Account, catalog_url: str, **environment: str) -> Clients:
    """Build clients whose delays are a thousandth, while answers and claims have their real time on a slow machine."""
    made = make_app(account, catalog_url, None, **{"TIME_SCALE": "0.001", **environment})
    real = Timings()
    made.geocatalog._read_timeout = real.read_timeout.total_seconds()  # noqa: SLF001 - as the real app has it
    return replace(made, timings=replace(made.timings, call_budget=real.call_budget, claim=real.claim))


def poison_desk(app: Clients) -> PoisonDesk:
    """Give what poisoned messages are handled with."""
    return PoisonDesk(app.delivery, app.status, app.hrefs, app.settings.time_scale)


def clear_queues(app: Clients) -> None:
    """Remove every message of the app's queues, and a pause that an earlier test set by a clock of its own."""
    for queue in QUEUES:
        app.queues.client(queue).clear_messages()
    app.storage.tables.get_table_client(PACING).delete_entity("geocatalog", "not_before")


def take_all(queue: QueueClient) -> Iterator[Any]:
    """Remove and give the messages of a queue that are visible."""
    while messages := list(queue.receive_messages(messages_per_page=_MESSAGES_A_CALL, max_messages=_MESSAGES_A_CALL)):
        for message in messages:
            queue.delete_message(message)
            yield message


def results(app: Clients, item_id: str | None = None) -> list[dict[str, Any]]:
    """Remove the outcomes that were announced and give them, or one item's: a pass ends what other tests left open."""
    announced = [decoded(message.content) for message in take_all(app.queues.client("results"))]
    return [result for result in announced if item_id in {None, result["id"]}]


def message_count(app: Clients, queue: str) -> int:
    """Count the messages of a queue, those that are not visible yet included."""
    return int(app.queues.client(queue).get_queue_properties().approximate_message_count or 0)


def decoded(text: str) -> dict[str, Any]:
    """Read a message that the app sent."""
    fields: dict[str, Any] = json.loads(base64.b64decode(text, validate=True))
    return fields


def without_digits(text: str) -> str:
    """Make sentences comparable that differ in their numbers only."""
    return re.sub(r"\d+", "N", text)
