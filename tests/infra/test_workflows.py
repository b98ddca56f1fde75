"""Workflows: what they use is pinned, they get no more rights than they need, and pull requests get no secrets."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.parameters import given
from tests.infra.predictions import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# A commit, with its version as a comment; or an exact version.
PINNED = re.compile(r"[\w.-]+(/[\w.-]+)+@([0-9a-f]{40} # v\d+\.\d+\.\d+|v\d+\.\d+\.\d+)")

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def _read(path: Path) -> dict[Any, Any]:
    read: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


@each_workflow
def test_actions_are_pinned(path: Path) -> None:
    for action in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8")):
        assert PINNED.fullmatch(action), action


@each_workflow
def test_rights_and_time_are_limited(path: Path) -> None:
    workflow = _read(path)
    assert workflow["permissions"]["contents"] == "read"
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60, name


@each_workflow
def test_pull_requests_get_no_secrets(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "pull_request_target" not in text
    assert "secrets." not in text
    # What others write, such as a title, is not put into scripts.
    for script in re.findall(r"run: \|\n((?: {10,}.*\n)+)", text):
        assert "${{" not in script


@each_workflow
def test_checkouts_keep_no_credentials(path: Path) -> None:
    for job in _read(path)["jobs"].values():
        for step in job["steps"]:
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_login_is_federated_only_where_needed() -> None:
    with_login = {path.stem for path in WORKFLOWS if _read(path)["permissions"].get("id-token") == "write"}
    assert with_login == {"azure-dev", "plan-collections"}


def test_the_tests_run_on_every_python_the_project_supports() -> None:
    matrix = _read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]


DEPLOY = ROOT / ".github" / "workflows" / "azure-dev.yml"


def test_a_deployment_waits_for_ci_and_deploys_what_it_tested() -> None:
    workflow = _read(DEPLOY)
    # YAML 1.1 reads the key `on` as true.
    assert workflow[True]["workflow_run"] == {"workflows": ["CI"], "types": ["completed"], "branches": ["main"]}
    assert "push" not in workflow[True]
    condition = workflow["jobs"]["azure"]["if"]
    for part in ("workflow_run.conclusion == 'success'", "workflow_run.event == 'push'"):
        assert part in condition
    checkout = workflow["jobs"]["azure"]["steps"][0]
    assert "github.event.workflow_run.head_sha" in checkout["with"]["ref"]
    assert _read(ROOT / ".github" / "workflows" / "ci.yml")["name"] == "CI"


def test_the_deployment_hands_on_every_setting_that_infra_takes_and_no_other(tmp_path: Path) -> None:
    step = next(step for step in _read(DEPLOY)["jobs"]["azure"]["steps"] if "VARIABLES" in step.get("env", {}))
    program, arrow, target = step["run"].removeprefix("python ").partition(" >> ")
    assert (arrow, target) == (" >> ", '"$GITHUB_ENV"')
    settings = {variable for variable, _ in given().values()} - {"AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE"}
    variables = dict.fromkeys(settings, "value") | {"ALERT_EMAIL": "two\nlines\nPATH=x", "RUNBOOK_URL": ""}
    done = subprocess.run(
        [sys.executable, ROOT / program],
        env={**os.environ, "VARIABLES": json.dumps(variables | {"AZURE_PRINCIPAL_ID": "id", "PATH": "elsewhere"})},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    written = {
        name: value
        for name, _, value in re.findall(r"^(\w+)<<(\w+)\n(.*?)\n\2$", done.stdout, re.MULTILINE | re.DOTALL)
    }
    assert written == variables


def test_bicep_is_pinned_and_what_it_predicts_is_tested() -> None:
    steps = _read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["bicep"]["steps"]
    scripts = "\n".join(step.get("run", "") for step in steps)
    assert "az bicep install --version v0.49.2\n" in scripts
    assert "pytest tests/infra/test_predictions.py" in scripts


def test_the_dev_container_is_json_and_sets_the_project_up() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "make setup"


def test_updates_cover_what_is_pinned() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {update["package-ecosystem"] for update in updates} >= {"pip", "github-actions"}
