"""`geocatalog doctor` for logins with the roles that infra/ grants, and with one of them missing."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite, start
from shared.clients import build_clients
from shared.messages.models import WORK_QUEUES
from shared.settings import read_settings
from shared.upkeep.provision import QUEUES, create_storage
from tests.cli.command import COMMAND, Cli, clean_environment
from tests.cli.guarded_storage import guarded
from tests.running_stack import small_item

NO_GEOCATALOG = {"GEOCATALOG_URL": "http://127.0.0.1:1"}


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with start(tmp_path_factory.mktemp("doctor")) as running:
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
