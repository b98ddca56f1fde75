"""What the deployment docs tell people to type and open exists."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.main import app
from tests.infra.app_functions import triggers
from tests.infra.parameters import OUTPUTS, given
from tests.infra.predictions import ROOT

# docs/cli.md is written by the command itself.
DOCS = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "cli.md"]
DOCS += [ROOT / "README.md", ROOT / "SECURITY.md"]

each_document = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.is_file(), target
        assert not anchor or anchor in _anchors(linked), target


@each_document
def test_files_that_are_named_exist(path: Path) -> None:
    for name in re.findall(
        r"`((?:infra|\.github|local|docs|shared|cli|functions|tests|bench)/[\w./-]*)`", path.read_text(encoding="utf-8")
    ):
        assert (ROOT / name).exists(), name


@each_document
def test_variables_that_are_set_are_taken(path: Path) -> None:
    taken = {variable for variable, _ in given().values()}
    hooks = "".join(script.read_text(encoding="utf-8") for script in (ROOT / "infra" / "scripts").glob("*.py"))
    taken |= set(re.findall(r'environ.get\("(\w+)"', hooks))
    assert set(re.findall(r"azd env set (\w+)", path.read_text(encoding="utf-8"))) <= taken


@each_document
def test_values_that_are_read_are_given(path: Path) -> None:
    assert set(re.findall(r"azd env get-value (\w+)", path.read_text(encoding="utf-8"))) <= OUTPUTS


def test_every_variable_of_the_table_is_taken_with_its_default() -> None:
    defaults = dict(given().values())
    table = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").split("| name | default | meaning |")[1]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", table.split("\n\n")[0], flags=re.MULTILINE)
    assert rows
    for name, default in rows:
        assert default.strip("`") == defaults[name] or (defaults[name] == "" and "`" not in default), name


def test_a_pause_switches_off_every_function_but_those_that_leave_geocatalog_alone() -> None:
    deploy = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    paused = set(re.findall(r"AzureWebJobs\.(\w+)\.Disabled=true", deploy))
    on = {"receive_blob", "remove_expired", "follow_feeds", *(name for name in triggers() if name.endswith("_poison"))}
    assert paused == set(triggers()) - on


@each_document
def test_hooks_that_are_run_exist(path: Path) -> None:
    project = (ROOT / "azure.yaml").read_text(encoding="utf-8")
    for hook in re.findall(r"azd hooks run (\w+)", path.read_text(encoding="utf-8")):
        assert f"  {hook}:" in project, hook


@each_document
def test_commands_and_options_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"(?:^|`)geocatalog (.+?)(?:`|  #|$)", text, flags=re.MULTILINE):
        command: Any = typer.main.get_command(app)
        for word in line.split():
            if re.fullmatch(r"--\w[\w-]*", word):
                assert word in {option for parameter in command.params for option in parameter.opts}, line
            elif word in getattr(command, "commands", {}):
                command = command.get_command(None, word)
        assert command.name != "geocatalog", line


def test_the_floors_of_the_docs_are_those_that_are_checked() -> None:
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in checked["contracts"] if contract.get("containers") == ["shared"]]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table, walks = page.split("## The floors of shared/")[1].split("## Three walks")
    rows = [row.split("|")[2] for row in table.splitlines() if row.startswith("| ")]
    told = [found for row in rows if (found := re.findall(r"`(\w+)(?:\.py)?`", row))]
    assert [set(row) for row in told] == [set(layer.split(" | ")) for layer in layers]
    packages = [name for row in told for name in row if (ROOT / "shared" / name).is_dir()]
    for walk in walks.split("## ")[0].strip().split("\n\n"):
        assert [name for name in packages if walk.count(f"`{name}`") != 1] == []
