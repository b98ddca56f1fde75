"""The app's real handlers for collections, with their messages delivered one by one as a test says."""

import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from shared.clients import Clients
from shared.collections.configure import configure_message
from shared.collections.deletions_queue import delete_message
from shared.items.ingestion import ingest_message
from shared.messages.models import QueueName
from shared.operations.tracking import track_operations
from shared.storage.tables import STATUS
from tests.properties.apps import Account, Clock, clear_queues, make_app, results, take_all
from tests.properties.catalog import Catalog
from tests.properties.interrupts import Fuse, Killed, interruptible

_HANDLERS = {
    QueueName.COLLECTIONS: configure_message,
    QueueName.DELETIONS: delete_message,
    QueueName.ITEMS: ingest_message,
}
_ROUNDS = 60
_ONE_PASS = timedelta(seconds=0.9)  # shorter than the pause between two passes of the tracker


class Desk:
    """An app on real storage and a real emulator, whose queues wait for the test.

    Attributes:
        app: clients of the test itself.
        clock: the app's clock.
        catalog: the GeoCatalog emulator.
        fuse: interrupts the app at one of its calls while it handles a message.
        announced: every result so far.
    """

    def __init__(self, account: Account, catalog: Catalog, **environment: str) -> None:
        self.clock, self.catalog, self.fuse = Clock(), catalog, Fuse()
        self.app = self._made_app(account, environment, Fuse())
        self._handling = self._made_app(account, environment, self.fuse)
        self.announced: list[dict[str, Any]] = []
        self._with_operations: set[str] = set()

    def clear(self) -> None:
        """Forget messages, rows and requests: a pass of the tracker looks at every collection that has rows."""
        clear_queues(self.app)
        self.app.storage.tables.delete_table(STATUS)
        self.announced.clear()
        self._with_operations.clear()
        self.catalog.reset()

    def send(self, message: dict[str, Any], queue: QueueName = QueueName.COLLECTIONS) -> None:
        """Put a message on a queue as the command does."""
        if queue is not QueueName.COLLECTIONS:
            self._with_operations.add(message.get("collection") or message["item"]["collection"])
        self.app.queues.send(queue, message)

    def _made_app(self, account: Account, environment: dict[str, str], fuse: Fuse) -> Clients:
        app = make_app(account, self.catalog.url, self.clock, **environment)
        return interruptible(app, account, fuse, lambda request, answer: None)  # noqa: ARG005

    def deliver(self) -> int:
        """Hand out every message that waits, once, and give how many there were."""
        handed = 0
        for queue, handler in _HANDLERS.items():
            waiting = self.app.queues.client(queue)
            for message in list(take_all(waiting)):
                handed += 1
                try:
                    handler(message.content.encode(), self.clock.now(), self._handling)
                except Killed:
                    waiting.send_message(message.content)  # the queue gives it again
        return handed

    def hand_out_deletion(self, message: dict[str, Any], sent_at: datetime) -> None:
        """Hand out a deletion as the queue does each time, with the moment when it was first sent."""
        self._with_operations.add(message["collection"])
        with suppress(Killed):
            delete_message(json.dumps(message).encode(), sent_at, self._handling)

    def settle(self, *, step: timedelta = timedelta(seconds=20)) -> None:
        """Deliver until no message and no operation is left, with time passing between."""
        for _ in range(_ROUNDS):
            handed = self.deliver()
            is_open = self._has_open_operation()
            if is_open:
                track_operations(self.app, budget=_ONE_PASS)
            self.announced += results(self.app)
            if not handed and not is_open:
                return
            self.clock.advance(step)
        raise AssertionError("the messages never came to an end")

    def apply(self, message: dict[str, Any]) -> dict[str, Any]:
        """Have a configuration applied, and give its result."""
        self.send(message)
        self.settle()
        return self.announced[-1]

    def row(self, collection: str) -> dict[str, Any]:
        """Give the collection's own row."""
        return dict(self.app.status.get_collection(collection))

    def parts(self, collection: str) -> dict[str, dict[str, str]]:
        """Give what became of each part."""
        found: dict[str, dict[str, str]] = json.loads(self.row(collection)["applied"])
        return found

    def states(self, collection: str) -> dict[str, str]:
        """Give the state of each part."""
        return {part: record["state"] for part, record in self.parts(collection).items()}

    def ids(self, collection: str, route: str) -> set[str]:
        """Give the ids of the render options or mosaics that GeoCatalog has."""
        return {entry["id"] for entry in self.app.geocatalog.get_configuration(collection, route) or []}

    def _has_open_operation(self) -> bool:
        return any(self.app.status.open_operations(name) for name in self._with_operations)
