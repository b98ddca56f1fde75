"""Checks the ingestion storage: queues, tables and containers, and the roles on them, by calls that change nothing."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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
from cli.doctor.logins import Login
from cli.output.printing import in_words
from shared.basics.redact import redact
from shared.clients import Clients
from shared.messages.models import WORK_QUEUES, QueueName
from shared.storage.payloads import INCOMING, PAYLOADS
from shared.storage.tables import DEADLETTERS, FEEDS, PACING, SOURCES, STATUS
from shared.upkeep.provision import QUEUES

_FORBIDDEN = 403
# A message that nobody takes for so long means that the app does not run; it polls every few seconds.
_IS_APP_RUNNING_AFTER = timedelta(minutes=5)
# The longest that a message may be hidden, and a second: a queue refuses it, whoever sends it
# (learn.microsoft.com/rest/api/storageservices/put-message).
_TOO_LONG_SECONDS = 7 * 24 * 3600 + 1


@dataclass(frozen=True)
class Access:
    """What a login may do with some queues, tables or containers.

    Attributes:
        kind: `queues`, `tables` or `containers`.
        what: what may be done with them, for people.
        role: the role that grants it.
        names: their names.
        call: tries it on one of them, without changing anything.
    """

    kind: str
    what: str
    role: str
    names: tuple[str, ...]
    call: Callable[[str, Clients], object]


def check_storage(app: Clients, login: Login) -> Iterator[Finding]:
    """Looks at queues, tables and containers, and whether this login may do with them what it has to."""
    for access in _NEEDED[login]:
        yield _check(access, app)


def _check(access: Access, app: Clients) -> Finding:
    missing = []
    for name in access.names:
        try:
            access.call(name, app)
        except ResourceNotFoundError as error:
            if getattr(error, "error_code", None) in _MISSING:
                missing.append(name)
        except HttpResponseError as error:
            # Any other refusal is for the content of the call, not for who makes it.
            if error.status_code in _REFUSED or isinstance(error, ClientAuthenticationError):
                return _of_error(access, name, error)
        except AzureError as error:
            return _of_error(access, name, error)
    if missing:
        return warning(
            access.kind, f"missing: {', '.join(missing)}", "Nothing: each is made when the app first uses it."
        )
    return ok(access.kind, f"may be {access.what}: {', '.join(access.names)}")


_MISSING = frozenset({"QueueNotFound", "TableNotFound", "ContainerNotFound"})
_UNAUTHORIZED = 401
_REFUSED = frozenset({_UNAUTHORIZED, _FORBIDDEN})


def _of_error(access: Access, name: str, error: AzureError) -> Finding:
    kind = access.kind
    if isinstance(error, ServiceRequestError):
        return fault(
            kind,
            f"the ingestion storage does not answer ({type(error).__name__})",
            "Check INGEST_STORAGE and the network; locally, start the stack with `geocatalog local up`.",
        )
    if getattr(error, "status_code", None) == _FORBIDDEN:
        code = getattr(error, "error_code", None)
        return fault(
            kind,
            f"{name} may not be {access.what} ({getattr(code, 'value', code) or 'Forbidden'})",
            f"Give this login {access.role} (it takes minutes to act; --wait waits), or check the key.",
        )
    if isinstance(error, ClientAuthenticationError):
        detail = redact(str(error)).splitlines()[0][:200]
        return fault(kind, f"no login for the ingestion storage: {detail}", "Sign in, for example with `az login`.")
    return fault(kind, f"{type(error).__name__}: {redact(str(error)).splitlines()[0][:200]}", "Check INGEST_STORAGE.")


def _look_at_queue(name: str, app: Clients) -> object:
    return app.queues.client(name).get_queue_properties()


def _look_at_table(name: str, app: Clients) -> object:
    client = app.storage.tables.get_table_client(name)
    return next(iter(client.list_entities(results_per_page=1, select=["PartitionKey"])), None)


def _look_at_container(name: str, app: Clients) -> object:
    client = app.storage.blobs.get_container_client(name)
    return next(iter(client.list_blob_names(results_per_page=1)), None)


# Each of these asks for what cannot be done: refused with 403 without the role, for another reason with it.


def _send(name: str, app: Clients) -> object:
    return app.queues.client(name).send_message("", visibility_timeout=_TOO_LONG_SECONDS)


def _update_row(name: str, app: Clients) -> object:
    client = app.storage.tables.get_table_client(name)
    return client.update_entity({"PartitionKey": f"doctor-{uuid.uuid4()}", "RowKey": "none"})


def _delete_blob(name: str, app: Clients) -> object:
    return app.storage.blobs.get_blob_client(name, f"doctor-{uuid.uuid4()}").delete_blob()


_SENDER, _READER = "Storage Queue Data Message Sender", "Storage Queue Data Reader"
_TABLES, _BLOBS = "Storage Table Data Contributor", "Storage Blob Data Contributor"

# As infra/ grants them to producers and operators.
_NEEDED: dict[Login, Iterable[Access]] = {
    Login.PRODUCER: (
        Access("queues", "sent to", _SENDER, (QueueName.ITEMS,), _send),
        Access("containers", "written", _BLOBS, (INCOMING, PAYLOADS), _delete_blob),
    ),
    Login.OPERATOR: (
        Access("queues", "read", _READER, QUEUES, _look_at_queue),
        Access("queues", "sent to", _SENDER, WORK_QUEUES, _send),
        Access("tables", "read", "Storage Table Data Reader", (PACING,), _look_at_table),
        Access("tables", "read", _TABLES, (STATUS, DEADLETTERS, SOURCES, FEEDS), _look_at_table),
        Access("tables", "written", _TABLES, (STATUS, DEADLETTERS, SOURCES, FEEDS), _update_row),
        Access("containers", "read", _BLOBS, (INCOMING, PAYLOADS), _look_at_container),
        Access("containers", "written", _BLOBS, (INCOMING, PAYLOADS), _delete_blob),
    ),
}


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
        elif oldest is not None and oldest.inserted_on and name in WORK_QUEUES:
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
