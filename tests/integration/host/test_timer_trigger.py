"""The rules of timer triggers: records of runs, past due, no overlap, one host at a time."""

import contextlib
import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient

from local.azurite import Azurite
from tests.integration.host.host_under_test import RunningHost, eventually, make_app, storage_settings, unique_name

# Twelve hours from now, so that no regular run falls into a test.
HOUR = (datetime.now(UTC) + timedelta(hours=12)).hour
NIGHTLY = f"0 0 {HOUR} * * *"


@pytest.fixture
def records(azurite: Azurite) -> Iterator[ContainerClient]:
    """The container in which hosts keep their records."""
    with BlobServiceClient.from_connection_string(azurite.connection_string()) as service:
        container = service.get_container_client("azure-webjobs-hosts")
        with contextlib.suppress(ResourceExistsError):
            container.create_container()
        yield container


def settings(azurite: Azurite, host_id: str) -> dict[str, str]:
    return {
        **storage_settings(azurite),
        "AzureFunctionsWebHost__hostid": host_id,
        "WEBSITE_TIME_ZONE": "UTC",
        "NIGHTLY": NIGHTLY,
        "BROKEN_SCHEDULE": "every night",
        "LOCAL_HOST_TIMER_LOCK": "15",
    }


def status_path(host_id: str, function: str) -> str:
    return f"timers/{host_id}/Host.Functions.{function}/status"


def write_status(records: ContainerClient, path: str, last: datetime, following: datetime) -> None:
    document = {"Last": last.isoformat(), "Next": following.isoformat(), "LastUpdated": last.isoformat()}
    records.upload_blob(path, json.dumps(document))


def eventual_status(records: ContainerClient, path: str, *, following: datetime) -> dict[str, Any]:
    """The record, once this is its next occurrence."""

    def read() -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = json.loads(records.download_blob(path).readall())
        except ResourceNotFoundError:
            return None
        return document if datetime.fromisoformat(document["Next"]) == following else None

    found = eventually(read)
    assert found is not None
    return found


def last_night() -> datetime:
    today = datetime.now(UTC).replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return today if today < datetime.now(UTC) else today - timedelta(days=1)


def test_timers_run_on_their_schedule_and_never_overlap(
    azurite: Azurite, records: ContainerClient, tmp_path: Path
) -> None:
    host_id = unique_name("timers")
    write_status(records, status_path(host_id, "nightly"), last_night() - timedelta(days=1), last_night())
    elsewhere = last_night() - timedelta(hours=30)
    write_status(records, status_path(host_id, "rescheduled"), elsewhere - timedelta(days=1), elsewhere)
    app = make_app(tmp_path, "timer_app", {})
    with RunningHost(app, {**settings(azurite, host_id), "EVERY_SECOND_TAKES": "1.2"}) as host:
        # Missed last night: made up for at once, and the record moves on.
        [missed] = host.eventually_records(function="nightly")
        assert missed["past_due"] is True
        assert datetime.fromisoformat(missed["status"]["Next"]) == last_night()
        assert missed["schedule"] == {"AdjustForDST": True}
        tonight = last_night() + timedelta(days=1)
        moved_on = eventual_status(records, status_path(host_id, "nightly"), following=tonight)
        assert datetime.fromisoformat(moved_on["Last"]) > last_night()

        # Neither a timer that never ran nor one whose schedule has changed is past due.
        for function in ("new", "rescheduled"):
            status = eventual_status(records, status_path(host_id, function), following=tonight)
            assert status["Last"] == "0001-01-01T00:00:00"
            assert not host.records(function=function)

        [at_start] = host.eventually_records(function="on_startup")
        assert at_start["past_due"] is False
        assert at_start["status"] == {}

        # Each run takes longer than the schedule's interval; too frequent for a record.
        runs = host.eventually_records(3, function="every_second")
        assert all(later["began"] >= earlier["ended"] for earlier, later in itertools.pairwise(runs))
        assert all(run["past_due"] is False and run["status"] == {} for run in runs)

        # A schedule that is none stops that function only.
        assert "The 'broken' function is in error: The schedule 'every night' is no NCRONTAB expression" in host.log

        # A stop waits for the runs that have begun.
        def begun() -> int:
            return sum("every_second" in line and "Executing (" in line for line in host.log.splitlines())

        eventually(lambda: begun() > len(host.records(function="every_second")))
        asked = time.time()
        assert host.stop() == 0
        runs = host.records(function="every_second")
        assert any(run["began"] < asked < run["ended"] for run in runs)
        assert len(runs) == begun()


def test_of_two_hosts_one_ticks_and_the_other_takes_over(azurite: Azurite, tmp_path: Path) -> None:
    shared = settings(azurite, unique_name("timers"))
    app = make_app(tmp_path, "timer_app", {})
    with RunningHost(app, shared) as first:
        first.eventually_records(function="every_second")
        with RunningHost(app, shared) as second:
            count = len(first.records(function="every_second"))
            first.eventually_records(count + 3, function="every_second")
            assert not second.records()
            first.kill()
            # The lease of the dead host has to run out; the other asks once in that time.
            second.eventually_records(function="every_second", seconds=45)
            with RunningHost(app, shared) as third:
                second.stop()
                # A host that stops gives its lease back; the other asks 15 s after it asked first.
                third.eventually_records(function="every_second", seconds=25)
