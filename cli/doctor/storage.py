"""Checks the ingestion storage: queues, tables and containers, and the roles on them, by calls that change nothing."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)

from cli.doctor.findings import Finding, fault, ok, warning
from cli.output import in_words
from shared.clients import Clients
from shared.payloads import PAYLOADS
from shared.provision import CONTAINERS, QUEUES
from shared.redact import redact
from shared.tables import STATUS, TABLES

_FORBIDDEN = 403
# A message that nobody takes for so long means that the app does not run; it polls every few seconds.
_IS_APP_RUNNING_AFTER = timedelta(minutes=5)


def check_storage(app: Clients) -> Iterator[Finding]:
    """Looks at queues, tables and containers, and whether this login may read and write them."""
    yield from _check_kind(
        "queues", QUEUES, "Storage Queue Data Contributor", lambda name: _queue(name, app), lambda: _write_queue(app)
    )
    yield from _check_kind(
        "tables", TABLES, "Storage Table Data Contributor", lambda name: _table(name, app), lambda: _write_table(app)
    )
    yield from _check_kind(
        "containers", CONTAINERS, "Storage Blob Data Contributor", lambda name: _container(name, app),
        lambda: _write_blob(app),
    )  # fmt: skip


def _check_kind(
    kind: str, names: tuple[str, ...], role: str, look: Callable[[str], object], write: Callable[[], object]
) -> Iterator[Finding]:
    missing = []
    for name in names:
        try:
            look(name)
        except ResourceNotFoundError:
            missing.append(name)
        except AzureError as error:
            yield _of_error(kind, error, role)
            return
    if missing:
        yield warning(kind, f"missing: {', '.join(missing)}", "Nothing: each is made when it is first used.")
    else:
        yield ok(kind, ", ".join(names))
    try:
        write()
    except ResourceNotFoundError:
        yield ok(kind, "may be written")
    except HttpResponseError as error:
        # Refused for its content, not for who asks: writing would be allowed.
        yield _of_error(kind, error, role) if error.status_code == _FORBIDDEN else ok(kind, "may be written")
    else:
        yield ok(kind, "may be written")


def _of_error(kind: str, error: AzureError, role: str) -> Finding:
    if isinstance(error, ServiceRequestError):
        return fault(
            kind,
            f"the ingestion storage does not answer ({type(error).__name__})",
            "Check INGEST_STORAGE and the network; locally, start the stack with `geocatalog local up`.",
        )
    if isinstance(error, ClientAuthenticationError) and getattr(error, "status_code", None) != _FORBIDDEN:
        detail = redact(str(error)).splitlines()[0][:200]
        return fault(kind, f"no login for the ingestion storage: {detail}", "Sign in, for example with `az login`.")
    if getattr(error, "status_code", None) == _FORBIDDEN:
        code = str(getattr(error, "error_code", "") or "Forbidden")
        return fault(
            kind,
            f"refused ({code})",
            f"Give this login {role} on the storage account (it takes minutes to act; --wait waits), or check the key.",
        )
    return fault(kind, f"{type(error).__name__}: {redact(str(error)).splitlines()[0][:200]}", "Check INGEST_STORAGE.")


def _queue(name: str, app: Clients) -> object:
    return app.queues.client(name).get_queue_properties()


def _table(name: str, app: Clients) -> object:
    client = app.storage.tables.get_table_client(name)
    return next(iter(client.list_entities(results_per_page=1, select=["PartitionKey"])), None)


def _container(name: str, app: Clients) -> object:
    client = app.storage.blobs.get_container_client(name)
    return next(iter(client.list_blob_names(results_per_page=1)), None)


# Each asks to delete what cannot exist: 404 with the role, 403 without it.


def _write_queue(app: Clients) -> None:
    app.queues.client(QUEUES[0]).delete_message(str(uuid.uuid4()), "AgAAAAMAAAAAAAAA")


def _write_table(app: Clients) -> None:
    client = app.storage.tables.get_table_client(STATUS)
    client.update_entity({"PartitionKey": f"doctor-{uuid.uuid4()}", "RowKey": "none"})


def _write_blob(app: Clients) -> None:
    app.storage.blobs.get_blob_client(PAYLOADS, f"doctor-{uuid.uuid4()}").delete_blob()


def check_work(app: Clients) -> Iterator[Finding]:
    """Looks whether the app takes messages, and what it could not handle."""
    for name in QUEUES:
        try:
            depth = int(app.queues.client(name).get_queue_properties().approximate_message_count or 0)
            oldest = next(iter(app.queues.client(name).peek_messages(max_messages=1)), None) if depth else None
        except AzureError:
            continue  # told by the check of the queues
        if name.endswith("-poison") and depth:
            yield warning(
                "work", f"{depth:,} messages on {name}", "The app looks after them; see its log and the failures."
            )
        elif oldest is not None and oldest.inserted_on and name in QUEUES[:3]:
            age = app.now() - oldest.inserted_on
            if age > _IS_APP_RUNNING_AFTER:
                yield warning(
                    "work",
                    f"a message waits on queue {name} since {in_words(age)}",
                    "Is the app running? Start the Function App, or `geocatalog local up` on this machine.",
                )
    letters = sum(1 for _ in app.deadletters.rows(select=["RowKey"]))
    if letters:
        yield warning(
            "work", f"{letters:,} dead letters", "See `geocatalog failures`; `geocatalog replay` sends again."
        )
    else:
        yield ok("work", "no dead letters")


def storage_host(app: Clients) -> str:
    """Returns the URL of the storage account's queues, to ask for the time there."""
    parts = urlsplit(app.storage.queues.url)
    return f"{parts.scheme}://{parts.netloc}/"
