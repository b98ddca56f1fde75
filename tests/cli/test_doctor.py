"""`geocatalog doctor` for logins with the roles that infra/ grants, and with one of them missing."""

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cli.doctor.timers import has_missed
from local.azurite import Azurite
from shared.clients import build_clients
from shared.messages.models import WORK_QUEUES
from shared.settings import read_settings
from shared.upkeep.heartbeats import Heartbeat, heartbeat
from shared.upkeep.provision import QUEUES, create_storage
from shared.version import VERSION
from tests.cli.command import COMMAND, Cli, clean_environment
from tests.cli.guarded_storage import guarded
from tests.properties.apps import Clock, make_app
from tests.running_stack import small_item

NO_GEOCATALOG = {"GEOCATALOG_URL": "http://127.0.0.1:1"}


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with Azurite(tmp_path_factory.mktemp("doctor")) as running:
        settings = {"INGEST_STORAGE": running.connection_string()}
        create_storage(build_clients(read_settings(settings | NO_GEOCATALOG)).storage)
        yield running


def as_operator(service: str, method: str, path: str) -> bool:
    """Sender on four queues, Reader on all, Contributor on tables and containers; may not take messages."""
    if service == "table" and path.partition("?")[0].endswith("/pacing()"):
        return method == "GET"
    if service != "queue":
        return True
    if method == "GET":
        return "/messages" not in path or "peekonly=true" in path
    queues = tuple(f"/{queue}/messages" for queue in WORK_QUEUES)
    return method == "POST" and path.partition("?")[0].endswith(queues)


def as_producer(service: str, method: str, path: str) -> bool:
    """Sender on queue items, Contributor on containers."""
    return service == "blob" or (method == "POST" and path.partition("?")[0].endswith("/items/messages"))


def verdicts(cli: Cli, *arguments: str, code: int) -> dict[str, set[str]]:
    findings = cli.json("doctor", *arguments, code=code)["findings"]
    return {
        verdict: {finding["check"] for finding in findings if finding["verdict"] == verdict}
        for verdict in ("ok", "warning", "fault")
    }


def test_an_operator_with_no_more_than_the_roles_of_one_has_no_fault_but_a_missing_geocatalog(azurite: Azurite) -> None:
    with guarded(azurite, as_operator) as connection:
        found = verdicts(Cli(NO_GEOCATALOG | {"INGEST_STORAGE": connection}), code=1)
    assert found["fault"] == {"geocatalog"}
    assert found["ok"] >= {"queues", "tables", "containers"}
    queues = build_clients(read_settings({"INGEST_STORAGE": azurite.connection_string()} | NO_GEOCATALOG)).queues
    depths = [queues.client(name).get_queue_properties().approximate_message_count for name in QUEUES]
    assert not any(depths), "the doctor sent a message"


def test_a_producer_with_no_more_than_the_roles_of_one_is_healthy(azurite: Azurite) -> None:
    with guarded(azurite, as_producer) as connection:
        cli = Cli({"INGEST_STORAGE": connection})
        assert verdicts(cli, "--for", "producer", code=0)["fault"] == set()
        assert verdicts(cli, code=1)["fault"] >= {"settings", "queues", "tables"}


@pytest.mark.parametrize(
    ("refused", "detail", "role"),
    [
        (("queue", "GET", "/deletions"), "deletions may not be read", "Storage Queue Data Reader"),
        (("queue", "POST", "/deletions/messages"), "deletions may not be sent to", "Storage Queue Data Message Sender"),
        (("table", "GET", "/status()"), "status may not be read", "Storage Table Data Contributor"),
        (("table", "PATCH", ""), "status may not be written", "Storage Table Data Contributor"),
        (("blob", "GET", "/payloads"), "payloads may not be read", "Storage Blob Data Contributor"),
        (("blob", "DELETE", ""), "incoming may not be written", "Storage Blob Data Contributor"),
    ],
)
def test_a_missing_role_is_named(azurite: Azurite, refused: tuple[str, str, str], detail: str, role: str) -> None:
    def grants(*call: str) -> bool:
        is_refused = call[:2] == refused[:2] and call[2].partition("?")[0].endswith(refused[2])
        return not is_refused and as_operator(*call)

    with guarded(azurite, grants) as connection:
        findings = Cli(NO_GEOCATALOG | {"INGEST_STORAGE": connection}).json("doctor", code=1)["findings"]
    faults = [found for found in findings if found["verdict"] == "fault" and found["check"] != "geocatalog"]
    assert [(found["detail"].partition(" (")[0], role in found["remedy"]) for found in faults] == [(detail, True)]


def test_other_commands_name_the_refusal_and_the_doctor(azurite: Azurite, login: dict[str, str]) -> None:
    with guarded(azurite, as_producer) as connection:
        cli = Cli({"INGEST_STORAGE": connection})
        for command in (["status"], ["watch"], ["failures"], ["resume"], ["report", "-o", "never.html"]):
            done = cli.run(*command)
            assert (done.returncode, done.stdout) == (1, ""), command
            assert "refused (AuthorizationPermissionMismatch)" in done.stderr
            assert "geocatalog doctor" in done.stderr
        item = small_item("c", "a") | {"assets": {}}
        assert cli.json("enqueue", "-", stdin=json.dumps(item))["sent"] == 1, "a producer cannot send"
    expired = Cli(NO_GEOCATALOG | login | {"IDENTITY_HEADER": "wrong"}).run("search")
    assert expired.returncode == 1
    assert "sign in again" in expired.stderr
    assert expired.stderr.count("\n") == 1


def test_wait_goes_on_until_a_role_acts(azurite: Azurite) -> None:
    granted = False
    with guarded(azurite, lambda *call: granted and as_producer(*call)) as connection:
        arguments = [COMMAND, "doctor", "--for", "producer", "--wait", "--timeout", "60"]
        with subprocess.Popen(
            arguments, env=clean_environment({"INGEST_STORAGE": connection}), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            assert "Waiting: queues: items may not be sent to" in process.stderr.readline()
            granted = True
            out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "FAULT" not in out


def test_storage_by_identity_and_over_tls_is_healthy(login: dict[str, str], tmp_path: Path) -> None:
    with Azurite(tmp_path / "data", tls=tmp_path) as azurite:
        settings = {
            "INGEST_STORAGE__queueServiceUri": azurite.queue_endpoint(),
            "INGEST_STORAGE__blobServiceUri": azurite.blob_endpoint(),
            "INGEST_STORAGE__tableServiceUri": azurite.table_endpoint(),
            "REQUESTS_CA_BUNDLE": str(azurite.certificate),
        }
        found = verdicts(Cli(settings | login), "--for", "producer", code=0)
        assert found["ok"] >= {"settings", "clock", "queues"}
        assert found["warning"] == {"containers"}, "those of a new account are not made yet"
        denied = Cli(settings | login | {"IDENTITY_HEADER": "wrong"}).run("doctor", "--for", "producer")
    assert denied.returncode == 1
    assert "no login for the ingestion storage" in denied.stdout
    assert "Sign in" in denied.stdout


def test_a_timer_that_missed_two_ticks_is_a_fault_that_names_it_and_its_last_error(azurite: Azurite) -> None:
    clock = Clock()
    app = make_app(azurite, NO_GEOCATALOG["GEOCATALOG_URL"], clock)
    cli = Cli(NO_GEOCATALOG | {"INGEST_STORAGE": azurite.connection_string()})

    def timers() -> dict[str, tuple[str, str]]:
        found = [finding for finding in cli.json("doctor", code=1)["findings"] if finding["check"] == "timers"]
        return {finding["detail"].split()[0]: (finding["verdict"], finding["detail"]) for finding in found}

    assert {verdict for verdict, _ in timers().values()} == {"warning"}, "none has run yet"
    with heartbeat("remove_expired", "0 30 * * * *", app):
        pass
    with heartbeat("renew_sources", "0 */5 * * * *", app):
        pass
    clock.advance(timedelta(minutes=-3))
    with pytest.raises(ValueError, match="no luck"), heartbeat("track_operations", "0 * * * * *", app):
        raise ValueError("no luck with https://example.com/?sig=secret")
    found = timers()
    assert (found["remove_expired"][0], found["renew_sources"][0]) == ("ok", "ok")
    verdict, detail = found["track_operations"]
    assert verdict == "fault"
    assert "has missed 2 ticks" in detail
    assert "its last run ended with ValueError: no luck with https://example.com/?…" in detail
    assert VERSION in detail


@pytest.mark.parametrize(
    ("start", "end", "now", "missed"),
    [
        ("12:00:00", "12:00:50", "12:02:20", False),  # one tick, and one that may still come to be written
        ("12:00:00", "12:00:50", "12:02:31", True),
        ("11:59:59.998", "12:00:50", "12:02:20", False),  # fired before its tick
        ("12:00:00", "11:59:50", "12:05:31", False),  # runs, or ended without a word at 12:04
        ("12:00:00", "11:59:50", "12:06:31", True),
        ("12:00:00", None, "12:06:31", True),
        ("12:00:00", "12:03:30", "12:05:31", True),  # its own ticks were not missed while it ran
        ("12:00:00", "12:03:30", "12:05:20", False),
    ],
)
def test_a_tick_is_missed_when_no_run_covers_it(start: str, end: str | None, now: str, missed: bool) -> None:
    def at(time: str) -> datetime:
        return datetime.fromisoformat(f"2026-01-31T{time}+00:00")

    beat = Heartbeat("track_operations", "0 * * * * *", at(start), at(end) if end else None, "", VERSION)
    assert has_missed(beat, at(now)) == missed
