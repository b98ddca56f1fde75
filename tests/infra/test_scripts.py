"""The deployment hooks: their syntax, and what they ask the Azure CLI for (a stand-in for `az` writes it down)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.infra.bicep_syntax import INFRA, ROOT, declarations

SCRIPTS = INFRA / "scripts"
SH = shutil.which("sh")

pytestmark = pytest.mark.skipif(SH is None or os.name == "nt", reason="the scripts for Windows are the .ps1 ones")

# Says that the key is there from the third time on; takes everything else.
AZ = """#!/bin/sh
echo "$*" >> "$AZ_LOG"
case "$*" in
    functionapp\\ keys*) [ "$(grep -c '^functionapp keys' "$AZ_LOG")" -ge 3 ] && echo true || echo false ;;
esac
"""

DEPLOYED = {
    "AZURE_SUBSCRIPTION_ID": "sub",
    "AZURE_RESOURCE_GROUP": "rg",
    "AZURE_FUNCTION_APP_NAME": "app",
    "EVENT_TOPIC_NAME": "topic",
    "INGEST_ACCOUNT_NAME": "account",
    "INGESTION_IDENTITY_ID": "/identity",
}


def _run(script: str, tmp_path: Path, **settings: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    az = tmp_path / "az"
    az.write_text(AZ)
    az.chmod(0o755)
    log = tmp_path / "az.log"
    log.touch()
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "AZ_LOG": str(log),
        "AFTER_DEPLOY_PAUSE_SECONDS": "0",
        **settings,
    }
    done = subprocess.run(
        [str(SH), str(SCRIPTS / script)], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    return done, log.read_text().splitlines()


def test_the_subscription_is_made_once_the_key_is_there(tmp_path: Path) -> None:
    done, calls = _run("after_deploy.sh", tmp_path, **DEPLOYED)
    assert done.returncode == 0, done.stderr
    assert [call.split()[0] for call in calls] == ["functionapp", "functionapp", "functionapp", "deployment"]
    for part in ("functionAppName=app", "topicName=topic", "ingestAccountName=account", "event-subscription.bicep"):
        assert part in calls[-1]


def test_it_gives_up_with_a_sentence(tmp_path: Path) -> None:
    done, _ = _run("after_deploy.sh", tmp_path, **DEPLOYED, AFTER_DEPLOY_TRIES="2")
    assert done.returncode == 1
    assert "gave up after 2 tries" in done.stderr


@pytest.mark.parametrize("name", [name for name in DEPLOYED if name != "INGESTION_IDENTITY_ID"])
def test_it_names_what_is_not_set(name: str, tmp_path: Path) -> None:
    done, calls = _run("after_deploy.sh", tmp_path, **{key: value for key, value in DEPLOYED.items() if key != name})
    assert done.returncode != 0
    assert name in done.stderr
    assert not calls


def test_a_new_geocatalog_needs_nothing_attached(tmp_path: Path) -> None:
    done, calls = _run("attach_identity.sh", tmp_path, **DEPLOYED)
    assert done.returncode == 0
    assert not calls


def test_the_identity_is_attached_to_an_existing_geocatalog(tmp_path: Path) -> None:
    existing = {"EXISTING_GEOCATALOG_NAME": "mine", "EXISTING_GEOCATALOG_RESOURCE_GROUP": "other"}
    done, calls = _run("attach_identity.sh", tmp_path, **DEPLOYED, **existing)
    assert done.returncode == 0, done.stderr
    assert len(calls) == 1
    catalog = "/subscriptions/sub/resourceGroups/other/providers/Microsoft.Orbital/geoCatalogs/mine?api-version="
    body = "{'identity': {'type': 'UserAssigned', 'userAssignedIdentities': {'/identity': {}}}}"
    for part in ("rest --method patch", f"--url {catalog}", f"--body {body}"):
        assert part in calls[0]


def test_azd_finds_its_hooks_and_they_are_there_for_both_shells() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    for hook in project["hooks"].values():
        for variant in hook.values():
            assert (ROOT / variant["run"]).is_file()
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").is_file()
    tag = f"'azd-service-name': '{next(iter(project['services']))}'"
    assert tag in (INFRA / "modules" / "function-app.bicep").read_text(encoding="utf-8")


def test_an_azd_that_deletes_groups_of_others_is_refused() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert project["requiredVersions"]["azd"] == ">= 1.24.1"


def test_the_scripts_get_their_names_from_the_deployment() -> None:
    outputs = set(declarations(INFRA / "main.bicep", "output"))
    assert set(DEPLOYED) - {"AZURE_SUBSCRIPTION_ID"} <= outputs


@pytest.mark.parametrize("name", ["after_deploy", "attach_identity"])
def test_both_shells_use_the_same_settings_and_commands(name: str) -> None:
    posix = (SCRIPTS / f"{name}.sh").read_text(encoding="utf-8")
    windows = (SCRIPTS / f"{name}.ps1").read_text(encoding="utf-8")
    for setting in [*DEPLOYED, "EXISTING_GEOCATALOG_NAME", "EXISTING_GEOCATALOG_RESOURCE_GROUP", "AFTER_DEPLOY_TRIES"]:
        assert (setting in posix) == (setting in windows), setting
    for command in ("az functionapp keys list", "az deployment group create", "az rest --method patch"):
        assert (command in posix) == (command in windows), command


def test_the_key_itself_is_never_asked_for() -> None:
    for path in SCRIPTS.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "systemKeys.blobs_extension" not in text, path.name
        assert text.count("keys list") == text.count("contains(keys(systemKeys), 'blobs_extension')"), path.name
