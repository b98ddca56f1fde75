"""Workflows: what they use is pinned, they get no more rights than they need, and pull requests get no secrets."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    assert with_login == {"deploy", "plan-collections"}


def test_the_tests_run_on_every_python_the_project_supports() -> None:
    matrix = _read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]


def test_the_deployment_hands_on_every_setting_that_infra_takes_and_no_other() -> None:
    environment = _read(ROOT / ".github" / "workflows" / "deploy.yml")["env"]
    parameters = (ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8")
    of_the_login = {"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"}
    from_the_login = {"AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE"}
    taken = set(re.findall(r"\$\{(\w+)", parameters)) - from_the_login
    assert set(environment) - of_the_login - {"PYTHON_VERSION"} == taken
    for name in set(environment) - {"PYTHON_VERSION"}:
        assert environment[name] == f"${{{{ vars.{name} }}}}", name


def test_the_dev_container_is_json_and_sets_the_project_up() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "make setup"


def test_updates_cover_what_is_pinned() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {update["package-ecosystem"] for update in updates} >= {"pip", "github-actions"}
