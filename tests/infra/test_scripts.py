"""The deployment hooks, run as azd runs them; a stand-in for `az` writes down what it is asked for."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.version import VERSION
from tests.infra.parameters import OUTPUTS
from tests.infra.predictions import INFRA, ROOT

SH = shutil.which("sh")
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
SERVICE_HOOKS = PROJECT["services"]["ingestion"]["hooks"]
FUNCTIONS: list[str] = json.loads((INFRA / "functions.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(SH is None or os.name == "nt", reason="the stand-in for az is a shell script")

# Answers with the next file of its folder for each list of functions and each read of a GeoCatalog; the last one stays.
AZ = """#!/bin/sh
echo "$*" >> "$AZ_FOLDER/log"
case "$*" in
    *@*) for word in "$@"; do case "$word" in @*) cat "${word#@}" >> "$AZ_FOLDER/bodies" ;; esac; done ;;
    functionapp*|*\\ get\\ *)
        [ -n "${AZ_FAILS:-}" ] && echo "Forbidden" >&2 && exit 1
        answer=$(ls "$AZ_FOLDER/answers" | head -n 1)
        cat "$AZ_FOLDER/answers/$answer"
        [ "$(ls "$AZ_FOLDER/answers" | wc -l)" -gt 1 ] && rm "$AZ_FOLDER/answers/$answer" || true ;;
esac
"""

DEPLOYED = {
    "AZURE_SUBSCRIPTION_ID": "sub",
    "AZURE_RESOURCE_GROUP": "rg",
    "AZURE_FUNCTION_APP_NAME": "app",
    "INGESTION_IDENTITY_ID": "/identity",
}
EXISTING = {"EXISTING_GEOCATALOG_NAME": "mine", "EXISTING_GEOCATALOG_RESOURCE_GROUP": "other"}


class Azure:
    """Runs the hooks with the stand-in for `az` on the path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "answers").mkdir()
        (folder / "az").write_text(AZ)
        (folder / "az").chmod(0o755)
        (folder / "python3").symlink_to(sys.executable)

    def answer(self, *answers: object) -> None:
        for number, answer in enumerate(answers):
            (self._folder / "answers" / str(number)).write_text(json.dumps(answer))

    def calls(self) -> list[str]:
        log = self._folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def body(self) -> object:
        sent: object = json.loads((self._folder / "bodies").read_text())
        return sent

    def run(self, hook: dict[str, Any], arguments: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self._folder}{os.pathsep}{os.environ['PATH']}", "AZ_FOLDER": str(self._folder)}
        return subprocess.run(
            [str(SH), "-c", f"{hook['posix']['run']} {arguments}"],
            cwd=ROOT,
            env={**environment, **settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def check_deployment(self, **settings: str) -> subprocess.CompletedProcess[str]:
        return self.run(SERVICE_HOOKS["postdeploy"], "--tries 3 --pause 0", **settings)

    def attach_identity(self, **settings: str) -> subprocess.CompletedProcess[str]:
        return self.run(PROJECT["hooks"]["postprovision"], **settings)


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def listed(*names: str) -> list[dict[str, str]]:
    return [{"name": f"app/{name}", "type": "Microsoft.Web/sites/functions"} for name in names]


def test_a_deployment_with_all_functions_passes_once_azure_has_read_them(azure: Azure) -> None:
    azure.answer([], listed(*FUNCTIONS[1:]), listed(*FUNCTIONS, "of_another_version"))
    done = azure.check_deployment(**DEPLOYED)
    assert done.returncode == 0, done.stderr
    site = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Web/sites/app"
    assert azure.calls()[0].startswith(f"rest --method post --url {site}/syncfunctiontriggers?api-version=")
    assert azure.calls()[1].startswith("functionapp function list --subscription sub --resource-group rg --name app")
    assert len(azure.calls()) == 6


def test_missing_functions_are_named(azure: Azure) -> None:
    azure.answer(listed(*FUNCTIONS[:2], *FUNCTIONS[4:]))
    done = azure.check_deployment(**DEPLOYED)
    assert done.returncode == 1
    assert f"Azure does not list {', '.join(sorted(FUNCTIONS[2:4]))}." in done.stderr.splitlines()[-1]


def test_an_app_without_functions_is_told(azure: Azure) -> None:
    azure.answer([])
    done = azure.check_deployment(**DEPLOYED)
    assert done.returncode == 1
    assert all(name in done.stderr.splitlines()[-1] for name in FUNCTIONS)


@pytest.mark.parametrize("name", [name for name in DEPLOYED if name != "INGESTION_IDENTITY_ID"])
def test_what_is_not_set_is_named(azure: Azure, name: str) -> None:
    done = azure.check_deployment(**{key: value for key, value in DEPLOYED.items() if key != name})
    assert done.returncode == 1
    assert f"{name} is not set" in done.stderr
    assert not azure.calls()


def test_a_new_geocatalog_needs_nothing_attached(azure: Azure) -> None:
    done = azure.attach_identity(**DEPLOYED)
    assert done.returncode == 0
    assert not azure.calls()


@pytest.mark.parametrize(
    ("present", "kind"),
    [
        ({}, "UserAssigned"),
        ({"identity": {"type": "None"}}, "UserAssigned"),
        ({"identity": {"type": "UserAssigned", "userAssignedIdentities": {"/other": {}}}}, "UserAssigned"),
        ({"identity": {"type": "SystemAssigned", "principalId": "p"}}, "SystemAssigned,UserAssigned"),
        ({"identity": {"type": "SystemAssigned, UserAssigned"}}, "SystemAssigned,UserAssigned"),
    ],
)
def test_the_identity_is_added_to_those_of_an_existing_geocatalog(azure: Azure, present: object, kind: str) -> None:
    azure.answer(present)
    done = azure.attach_identity(**DEPLOYED, **EXISTING)
    assert done.returncode == 0, done.stderr
    catalog = "/subscriptions/sub/resourceGroups/other/providers/Microsoft.Orbital/geoCatalogs/mine?api-version="
    assert f"rest --method patch --url {catalog}" in azure.calls()[1]
    assert azure.body() == {"identity": {"type": kind, "userAssignedIdentities": {"/identity": {}}}}


def test_nothing_is_attached_where_the_geocatalog_cannot_be_read(azure: Azure) -> None:
    done = azure.attach_identity(**DEPLOYED, **EXISTING, AZ_FAILS="1")
    assert done.returncode == 1
    assert "Forbidden" in done.stderr
    assert len(azure.calls()) == 1


def test_an_identity_that_is_attached_is_left_alone(azure: Azure) -> None:
    azure.answer({"identity": {"type": "UserAssigned", "userAssignedIdentities": {"/IDENTITY": {}}}})
    done = azure.attach_identity(**DEPLOYED, **EXISTING)
    assert done.returncode == 0, done.stderr
    assert len(azure.calls()) == 1


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what is packaged, and what checks the package."""
    left_out = shutil.ignore_patterns("__pycache__")
    for folder in ("functions", "shared", "infra/scripts", "local/host"):
        shutil.copytree(ROOT / folder, tmp_path / "copy" / folder, ignore=left_out)
    for file in (".funcignore", "function_app.py", "host.json", "infra/functions.json", "local/__init__.py"):
        shutil.copy(ROOT / file, tmp_path / "copy" / file)
    for file in ("local/set_up.py", "requirements.in", "requirements.txt"):
        shutil.copy(ROOT / file, tmp_path / "copy" / file)
    return tmp_path / "copy"


def check_package(copy: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *SERVICE_HOOKS["prepackage"]["posix"]["run"].split()[1:], *arguments]
    return subprocess.run(
        command, cwd=copy, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300, check=False
    )


def indexed(copy: Path) -> subprocess.CompletedProcess[str]:
    """Check with the packages of this environment, which `make setup` has installed."""
    return check_package(copy, "--python", sys.executable)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_app_as_it_is_packaged_has_all_its_functions(copy: Path) -> None:
    done = indexed(copy)
    assert done.returncode == 0, done.stderr
    assert f"all {len(FUNCTIONS)} functions" in done.stderr


def test_the_package_holds_what_runs_and_nothing_made_on_this_machine(copy: Path, tmp_path: Path) -> None:
    for name in (
        ".venv/pyvenv.cfg",
        "shared/__pycache__/clients.pyc",
        "azure.env",
        "local.settings.json",
        "build/lib/x.py",
    ):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()
    listing = "import check_package, pathlib, sys; print(*check_package.packaged_files(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", listing, str(tmp_path)]
    done = subprocess.run(
        command, cwd=copy / "infra" / "scripts", capture_output=True, text=True, timeout=60, check=True
    )
    packaged = done.stdout.split()
    assert {name.partition("/")[0] for name in packaged} == {
        *("function_app.py", "functions", "shared", "host.json", "requirements.txt"),
    }
    assert not [name for name in packaged if "__pycache__" in name]


def test_a_wrong_parameter_name_stops_the_deployment(copy: Path) -> None:
    replace(copy / "functions" / "ingest_item.py", 'arg_name="message"', 'arg_name="msg"')
    done = indexed(copy)
    assert done.returncode == 1
    assert "cannot load the ingest_item function" in done.stderr
    assert "'message'" in done.stderr


def test_a_failing_import_stops_the_deployment(copy: Path) -> None:
    module = copy / "functions" / "delete_item.py"
    module.write_text(module.read_text(encoding="utf-8") + "\nimport no_such_library\n", encoding="utf-8")
    done = indexed(copy)
    assert done.returncode == 1
    line = len(module.read_text(encoding="utf-8").splitlines())
    assert (
        f"functions/delete_item.py line {line}: ModuleNotFoundError: No module named 'no_such_library'" in done.stderr
    )


def test_what_is_not_packaged_or_fails_only_when_it_is_called_stops_the_deployment(copy: Path) -> None:
    """These faults leave all functions indexed; each would be seen with the first message only."""
    replace(copy / ".funcignore", "local/\n", "local/\n/shared/records/deadletters.py\n")
    (copy / "shared" / "upkeep" / "retention.py").write_text("def broken(:\n", encoding="utf-8")
    for old, new in (('arg_name="message"', 'arg_name="the_message"'), ("message: func", "the_message: func")):
        replace(copy / "functions" / "configure_collection.py", old, new)
    function = copy / "functions" / "delete_item.py"
    replace(
        function, "    from shared.clients import", "    from local.host import host\n    from shared.clients import"
    )
    done = indexed(copy)
    assert done.returncode == 1
    assert "No module named 'shared.records.deadletters'" in done.stderr
    assert "SyntaxError: invalid syntax (line 1 of retention.py)" in done.stderr
    assert "configure_collection: the host takes no parameter named the_message" in done.stderr
    assert "from local.host import host: ModuleNotFoundError: No module named 'local'" in done.stderr


def test_a_function_that_is_not_registered_stops_the_deployment(copy: Path) -> None:
    replace(copy / "function_app.py", "    delete_item,\n    ", "    ")
    done = indexed(copy)
    assert done.returncode == 1
    assert "lacks delete_item: function_app.py does not register" in done.stderr


def test_an_app_without_functions_is_not_deployed(copy: Path) -> None:
    replace(copy / "function_app.py", "app.register_functions(module.bp)", "pass")
    done = indexed(copy)
    assert done.returncode == 1
    assert "has no function" in done.stderr


def test_an_app_that_ends_its_program_is_not_deployed(copy: Path) -> None:
    replace(copy / "function_app.py", "import logging\n", "import logging\nimport sys\n\nsys.exit(3)\n")
    done = indexed(copy)
    assert done.returncode == 1
    assert "function_app.py line 6: SystemExit(3)" in done.stderr


def test_a_lock_that_cannot_be_installed_stops_the_deployment(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(str(shutil.which("git")))
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    done = check_package(copy, PATH=str(tmp_path / "bin"), PYENV_ROOT=str(tmp_path), **nowhere)
    assert done.returncode == 1
    assert "could not be installed. python ended with 1. ERROR: " in done.stderr
    # Where there is no Python of Azure's version, it says what it does instead and what is then not checked.
    assert ("There is no Python 3.13" in done.stderr) == (sys.version_info[:2] != (3, 13))


def test_the_check_can_be_left_out(copy: Path) -> None:
    (copy / "function_app.py").unlink()
    done = check_package(copy, SKIP_PACKAGE_CHECK="true")
    assert done.returncode == 0
    assert "the package was not checked" in done.stderr


def test_hooks_run_the_same_program_on_all_systems() -> None:
    for hook in [*PROJECT["hooks"].values(), *SERVICE_HOOKS.values()]:
        python, program = hook["posix"]["run"].split()
        assert python == "python3"
        assert (ROOT / program).is_file()
        assert hook["windows"]["run"] == f"python {program}"


def test_azd_finds_the_infrastructure_and_the_app() -> None:
    assert (ROOT / PROJECT["infra"]["path"] / f"{PROJECT['infra']['module']}.bicep").is_file()
    tag = f"'azd-service-name': '{next(iter(PROJECT['services']))}'"
    assert tag in (INFRA / "modules" / "function-app.bicep").read_text(encoding="utf-8")


def test_azd_is_told_the_version_of_the_project() -> None:
    assert PROJECT["metadata"]["template"] == f"{PROJECT['name']}@{VERSION}"


def test_an_azd_that_deletes_groups_of_others_is_refused() -> None:
    assert PROJECT["requiredVersions"]["azd"] == ">= 1.24.1"


def test_the_hooks_get_their_names_from_the_deployment() -> None:
    assert set(DEPLOYED) - {"AZURE_SUBSCRIPTION_ID"} <= OUTPUTS
