"""The deployment hooks: their syntax, and what they ask the Azure CLI for (a stand-in for `az` writes it down)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.infra.parameters import OUTPUTS
from tests.infra.predictions import INFRA, ROOT

SCRIPTS = INFRA / "scripts"
SH = shutil.which("sh")

pytestmark = pytest.mark.skipif(SH is None or os.name == "nt", reason="the scripts for Windows are the .ps1 ones")

AZ = """#!/bin/sh
echo "$*" >> "$AZ_LOG"
case "$*" in
    *\\ get\\ *) [ -n "${AZ_FAILS:-}" ] && exit 1; printf '%s\\n' "${IDENTITY_TYPE:-}" ;;
esac
"""

DEPLOYED = {
    "AZURE_SUBSCRIPTION_ID": "sub",
    "AZURE_RESOURCE_GROUP": "rg",
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
        **settings,
    }
    done = subprocess.run(
        [str(SH), str(SCRIPTS / script)], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    return done, log.read_text().splitlines()


def test_a_new_geocatalog_needs_nothing_attached(tmp_path: Path) -> None:
    done, calls = _run("attach_identity.sh", tmp_path, **DEPLOYED)
    assert done.returncode == 0
    assert not calls


EXISTING = {"EXISTING_GEOCATALOG_NAME": "mine", "EXISTING_GEOCATALOG_RESOURCE_GROUP": "other"}


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        ("", "UserAssigned"),
        ("None", "UserAssigned"),
        ("UserAssigned", "UserAssigned"),
        ("SystemAssigned", "SystemAssigned,UserAssigned"),
        ("SystemAssigned, UserAssigned", "SystemAssigned,UserAssigned"),
    ],
)
def test_the_identity_is_attached_beside_those_that_an_existing_geocatalog_has(
    present: str, wanted: str, tmp_path: Path
) -> None:
    done, calls = _run("attach_identity.sh", tmp_path, **DEPLOYED, **EXISTING, IDENTITY_TYPE=present)
    assert done.returncode == 0, done.stderr
    catalog = "/subscriptions/sub/resourceGroups/other/providers/Microsoft.Orbital/geoCatalogs/mine?api-version="
    body = f"{{'identity': {{'type': '{wanted}', 'userAssignedIdentities': {{'/identity': {{}}}}}}}}"
    assert len(calls) == 2
    for part in ("rest --method patch", f"--url {catalog}", f"--body {body}"):
        assert part in calls[1]


def test_nothing_is_attached_where_the_geocatalog_cannot_be_read(tmp_path: Path) -> None:
    done, calls = _run("attach_identity.sh", tmp_path, **DEPLOYED, **EXISTING, AZ_FAILS="1")
    assert done.returncode != 0
    assert len(calls) == 1


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
    assert set(DEPLOYED) - {"AZURE_SUBSCRIPTION_ID"} <= OUTPUTS


@pytest.mark.parametrize("name", ["attach_identity"])
def test_both_shells_use_the_same_settings_and_commands(name: str) -> None:
    posix = (SCRIPTS / f"{name}.sh").read_text(encoding="utf-8")
    windows = (SCRIPTS / f"{name}.ps1").read_text(encoding="utf-8")
    for setting in [*DEPLOYED, "EXISTING_GEOCATALOG_NAME", "EXISTING_GEOCATALOG_RESOURCE_GROUP"]:
        assert (setting in posix) == (setting in windows), setting
    for command in ("az rest --method get", "az rest --method patch"):
        assert (command in posix) == (command in windows), command
