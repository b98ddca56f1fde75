"""Interrupts the app at its n-th call to storage or GeoCatalog: kills it there, or lets something else happen first."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from shared.clients import Clients
from shared.records.deadletters import DeadLetters
from shared.records.shared_pause import SharedPause
from shared.records.status_store import StatusStore
from shared.storage.account import StorageClients
from shared.storage.payloads import Payloads
from shared.storage.queues import Queues
from tests.memory.account import MemoryAccount
from tests.properties.apps import Account

T = TypeVar("T")


class Killed(BaseException):
    """The app was killed: nothing of it runs on, so nothing of it may catch this."""


class Fuse:
    """Acts once, before or after the n-th call from the moment it was set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = 0
        self._act: Callable[[], None] | None = None
        self._is_after = False

    def set(self, calls: int, act: Callable[[], None], *, after: bool) -> None:
        """Have `act` called at the n-th call from now, before it is sent or after its answer came."""
        with self._lock:
            self._left, self._act, self._is_after = calls, act, after

    def clear(self) -> None:
        """Take the act back, if it has not happened."""
        with self._lock:
            self._act = None

    def carry(self, call: Callable[[], T]) -> T:
        """Make a call, and act if it is the one; a call that fails was made as well."""
        act = self._due()
        if act and not self._is_after:
            act()
        try:
            return call()
        finally:
            if act and self._is_after:
                act()

    def _due(self) -> Callable[[], None] | None:
        with self._lock:
            self._left -= 1
            if self._left != 0 or self._act is None:
                return None
            act, self._act = self._act, None
            return act


def kill() -> None:
    """End the app at this call."""
    raise Killed


class _FusedTransport(RequestsTransport):  # type: ignore[misc]  # the SDK gives it no type
    def __init__(self, fuse: Fuse, session: requests.Session | None) -> None:
        super().__init__(session=session)
        self._fuse = fuse

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - the SDK's own types
        return self._fuse.carry(lambda: super(_FusedTransport, self).send(request, **options))


class _FusedAdapter(HTTPAdapter):
    def __init__(self, fuse: Fuse, on_answer: Callable[[PreparedRequest, Response], None]) -> None:
        super().__init__()
        self._fuse = fuse
        self._on_answer = on_answer

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        def call() -> Response:
            response = super(_FusedAdapter, self).send(request, *arguments, **options)
            self._on_answer(request, response)
            return response

        return self._fuse.carry(call)


class _UndelayedQueue(QueueClient):
    """A queue whose messages are visible at once, so that the test decides when each is delivered."""

    def send_message(self, content: Any, **options: Any) -> Any:  # noqa: ANN401 - the SDK's own types
        return super().send_message(content, **{**options, "visibility_timeout": None})


class _UndelayedQueues(QueueServiceClient):
    def get_queue_client(self, queue: Any, **options: Any) -> QueueClient:  # noqa: ANN401 - the SDK's own types
        client = super().get_queue_client(queue, **options)
        client.__class__ = _UndelayedQueue
        return client


def interruptible(
    app: Clients, account: Account, fuse: Fuse, on_answer: Callable[[PreparedRequest, Response], None]
) -> Clients:
    """Rebuild an app's clients so that every call to storage and GeoCatalog goes through the fuse.

    Args:
        app: the clients; its GeoCatalog client is changed.
        account: the storage.
        fuse: decides what happens at which call.
        on_answer: sees each answer of GeoCatalog before the app does.
    """
    text = account.connection_string()
    session = account.session() if isinstance(account, MemoryAccount) else None
    once: dict[str, Any] = {"retry_total": 0}
    storage = StorageClients(
        queues=_UndelayedQueues.from_connection_string(text, transport=_FusedTransport(fuse, session), **once),
        blobs=BlobServiceClient.from_connection_string(text, transport=_FusedTransport(fuse, session), **once),
        tables=TableServiceClient.from_connection_string(text, transport=_FusedTransport(fuse, session), **once),
    )
    app.geocatalog._session.mount("http://", _FusedAdapter(fuse, on_answer))  # noqa: SLF001 - the network below it
    now: Callable[[], datetime] = app.now
    return replace(
        app,
        storage=storage,
        status=StatusStore(storage.tables),
        deadletters=DeadLetters(storage.tables, now=now),
        queues=Queues(storage.queues, Payloads(storage.blobs), results_queue=app.settings.results_queue),
        pause=SharedPause(storage.tables, app.timings, now=now),
    )
