"""One row per timer that says when it ran last and how that ended: a sign of life where no telemetry arrives."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError
from azure.data.tables import UpdateMode

from shared.basics import deadline
from shared.basics.redact import redact
from shared.clients import Clients
from shared.storage.account import StorageClients
from shared.storage.tables import PACING, Query, Table
from shared.version import VERSION

log = logging.getLogger(__name__)

_PARTITION = "heartbeat"
# A sentence or two of an error; its stack is in the log.
_MAX_ERROR = 1_000


@dataclass(frozen=True)
class Heartbeat:
    """The last run of a timer.

    Attributes:
        timer: name of the function.
        schedule: its NCRONTAB expression, in UTC.
        start: when the run began.
        end: when the last run that ended did so; before `start` while one is under way, None where none ever did.
        error: the exception that it ended with, in a sentence; empty where it ended well.
        version: version of the app that ran.
    """

    timer: str
    schedule: str
    start: datetime
    end: datetime | None
    error: str
    version: str


@contextmanager
def heartbeat(timer: str, schedule: str, app: Clients) -> Iterator[None]:
    """Write down that a timer runs, and how that ended. A storage that does not take it stops no run.

    Args:
        timer: name of the function.
        schedule: its NCRONTAB expression.
        app: the clients.
    """
    _write(timer, {"start": app.now(), "schedule": schedule, "version": VERSION}, app.storage)
    error = ""
    try:
        yield
    except BaseException as fault:
        error = redact(f"{type(fault).__name__}: {fault}")[:_MAX_ERROR]
        raise
    finally:
        with deadline.settling():
            _write(timer, {"end": app.now(), "error": error}, app.storage)


def read_heartbeats(storage: StorageClients) -> dict[str, Heartbeat]:
    """Return the last run of each timer that ever ran, by the name of its function.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached.
    """
    rows = Table(storage.tables, PACING).query(Query("PartitionKey eq @partition", {"partition": _PARTITION}))
    return {str(row["RowKey"]): _read(row) for row in rows}


def _read(row: Mapping[str, Any]) -> Heartbeat:
    return Heartbeat(
        timer=str(row["RowKey"]),
        schedule=str(row["schedule"]),
        start=row["start"],
        end=row.get("end"),
        error=str(row.get("error") or ""),
        version=str(row["version"]),
    )


def _write(timer: str, columns: Mapping[str, Any], storage: StorageClients) -> None:
    entity = {"PartitionKey": _PARTITION, "RowKey": timer, **columns}
    try:
        Table(storage.tables, PACING).run(lambda client: client.upsert_entity(entity, mode=UpdateMode.MERGE))
    except AzureError as error:
        log.warning("The heartbeat of timer %s was not written: %s", timer, type(error).__name__)
