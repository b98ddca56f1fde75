"""What every command does alike: help, exit codes, one sentence on standard error, quick start, documents in step."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.commands import Commands
from cli.explain.error_catalog import EXPLANATIONS
from cli.main import app
from shared.basics import errors
from shared.basics.errors import Disposition, ErrorCode, disposition_of_kind
from shared.services.operation_states import REMEDIES
from tests.cli.command import COMMAND, clean_environment, run, run_forked

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = {name: GROUP.get_command(None, name) for name in Commands.rows}
DOCS = Path(__file__).parents[2] / "docs"


def test_every_command_has_help_with_an_example() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for name, command in COMMANDS.items():
        assert name in shown.stdout
        parts = getattr(command, "commands", {name: command})
        for part in parts.values():
            assert "Example: geocatalog" in part.help, name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bogus"], "No such command"),
        (["status", "--bogus"], "No such option"),
        (["show"], "Missing argument"),
        (["enqueue"], "nothing to enqueue"),
        (["enqueue", "no/such/file"], "no file or folder no/such/file"),
        (["enqueue", "-", "--bbox", "1,2,3,4"], "belong to --search"),
        (["enqueue", "-", "--strict", "--skip-invalid"], "exclude each other"),
        (["enqueue", "--search", "http://127.0.0.1:1", "--bbox", "1,2"], "--bbox takes four numbers"),
        (["enqueue", "--search", "http://127.0.0.1:1", "--filter", "eo:cloud_cover <"], "not CQL2 (expected"),
        (["enqueue", "--search", "http://127.0.0.1:1", "--filter", "{"], "--filter is not JSON"),
        (["enqueue", "--search", "http://127.0.0.1:1", "--filter", "cloudy"], "--filter is not CQL2"),
        (["items", "--state", "Bogus"], "--state takes"),
        (["items", "--older-than", "soon"], "--older-than takes a duration"),
        (["replay", "--queue", "items"], "--queue belongs to --dead-letters"),
        (["replay", "mine", "--dead-letters"], "tied to no collection, item or state"),
        (["replay", "--dead-letters", "--item", "a"], "tied to no collection, item or state"),
        (["replay", "--dead-letters", "--state", "Held"], "tied to no collection, item or state"),
        (["replay", "--dead-letters", "--older-than", "soon"], "--older-than takes a duration"),
        (["watch", "--until", "soon"], "--until takes a duration"),
        (["delete", "c"], "Say which items"),
        (["delete", "c", "--confirm", "d"], "must repeat the id"),
        (["delete", "c", "i", "--confirm", "c"], "leave the items out"),
        (["delete", "c", "i", "--all-items"], "either by id or by search"),
        (["cancel"], "never canceled"),
        (["export"], "Name collections"),
        (["sources", "add", "https://a.blob.core.windows.net/scenes"], "exactly one"),
        (["--env-file", "no/such/env", "status"], "env file no/such/env cannot be read"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = run_forked(*arguments, cwd=tmp_path, settings={"INGEST_STORAGE": "UseDevelopmentStorage=true"})
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stderr.startswith("geocatalog: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


DEAD = "http://127.0.0.1:1/devstoreaccount1"
DEAD_STORAGE = (
    f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    f"QueueEndpoint={DEAD};BlobEndpoint={DEAD};TableEndpoint={DEAD}"
)


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (["status"], {}, "INGEST_STORAGE is missing"),
        (["search"], {}, "GEOCATALOG_URL is missing"),
        (["status"], {"INGEST_STORAGE": "nonsense"}, "not a connection string"),
        (["resume"], {"INGEST_STORAGE": DEAD_STORAGE}, "storage at 127.0.0.1:1 did not answer"),
        (["search"], {"GEOCATALOG_URL": "http://example.com"}, "must be https"),
        (["enqueue", "http://127.0.0.1:1/x.json", "--dry-run"], {}, "http://127.0.0.1:1 did not answer"),
        (["enqueue", "--search", "http://127.0.0.1:1/", "--dry-run"], {}, "STAC API did not answer"),
        (["explain", "EmtyAsset"], {}, "did you mean EmptyAsset"),
    ],
)
def test_a_fault_ends_with_1_and_a_sentence(
    arguments: list[str], settings: dict[str, str], words: str, tmp_path: Path
) -> None:
    done = run_forked(*arguments, settings=settings, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "c2VjcmV0" not in done.stderr


def test_every_bad_configuration_is_named(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{")
    for command in ("plan", "apply"):
        done = run_forked(command, "a.json", "b.json", cwd=tmp_path)
        assert "a.json" in done.stderr
        assert "b.json" in done.stderr


def test_help_shows_no_type_beside_a_flag() -> None:
    options = [line for line in run_forked("replay", "--help").stdout.splitlines() if "--dry-run" in line]
    assert options
    assert "<bool>" not in options[0]


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path: Path) -> None:
    for arguments in (["--debug", "search"], ["search", "--debug"]):
        done = run_forked(*arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert "Traceback" in done.stderr


def test_the_env_file_of_a_local_stack_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "env").write_text("# of a stack\nexport GEOCATALOG_URL='http://example.com/a b'\n")
    assert "GEOCATALOG_URL: must be https" in run_forked("search", cwd=tmp_path).stderr
    other = run_forked("search", cwd=tmp_path, settings={"GEOCATALOG_URL": "nonsense"})
    assert "absolute https URL" in other.stderr
    (tmp_path / "broken").write_text("GEOCATALOG_URL\n")
    assert "Line 1 of the env file" in run_forked("--env-file", "broken", "search", cwd=tmp_path).stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with subprocess.Popen(
        [COMMAND, "explain", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion(shell: str) -> None:
    script = run(settings={"_GEOCATALOG_COMPLETE": f"source_{shell}"})
    assert "geocatalog" in script.stdout


def test_completion_of_commands() -> None:
    settings = {"_GEOCATALOG_COMPLETE": "complete_bash", "COMP_WORDS": "geocatalog rep", "COMP_CWORD": "1"}
    assert run(settings=settings).stdout.split() == ["replay", "report"]


# What each loads before it works; the names are of packages that take long to load. What is listed is never needed.
STARTS = {
    "--help": {"azure", "requests", "pydantic", "pystac", "jsonschema_rs", "shared"},
    "explain EmptyAsset": {"azure", "requests", "rich", "pystac", "jsonschema_rs", "shared.messages.models"},
    "enqueue - --dry-run": {"azure", "requests", "rich", "pystac", "yaml"},
    "enqueue": {"azure", "requests", "rich", "pystac"},
    "status": {"azure.identity", "pystac", "rich", "yaml", "cql2", "jsonschema"},
    "watch": {"azure.identity", "pystac", "rich", "yaml", "cql2", "jsonschema"},
    "search": {"azure.identity", "pystac", "rich", "yaml", "cql2", "jsonschema"},
}


@pytest.mark.parametrize("arguments", STARTS)
def test_nothing_slow_is_loaded_without_need(arguments: str, tmp_path: Path) -> None:
    """Structure instead of time: help and `explain` take little longer than Python with typer alone."""
    code = "import sys, cli.main\ntry: cli.main.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments.split()],
        # Malformed, so that a command ends where it would connect: after it has loaded what it needs.
        env=clean_environment({"INGEST_STORAGE": "nonsense", "GEOCATALOG_URL": "nonsense"}),
        cwd=tmp_path, input="", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    loaded = done.stderr.split()
    assert "cli.main" in loaded
    assert not {name for name in STARTS[arguments] if name in loaded}


def test_the_list_of_commands_says_what_each_says_first() -> None:
    for name, row in Commands.rows.items():
        assert " ".join(COMMANDS[name].help.partition("\n\n")[0].split()) == row.summary


def test_docs_are_those_of_the_command() -> None:
    generator = ["typer", "cli.main", "utils", "docs", "--name", "geocatalog"]
    made = subprocess.run([sys.executable, "-m", *generator], capture_output=True, text=True, timeout=60, check=True)
    written = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert made.stdout.strip() == written.strip(), f"write it again: {' '.join(generator)} --output docs/cli.md"


def test_json_of_every_command_is_documented() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", (DOCS / "json-output.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    documented = {name.strip() for row in rows for name in row.split(",")}
    assert documented >= COMMANDS.keys() - {"local"}


def test_every_error_code_is_explained() -> None:
    known = set(REMEDIES) | {code.value for code in ErrorCode}
    assert known == EXPLANATIONS.keys()


def test_explain_tells_what_the_app_does_after_each_error_that_it_raises() -> None:
    """Read from the source: where an error is made with a code, explain says whether its message is tried again."""
    made: dict[str, set[bool]] = {}
    for path in (DOCS.parent / "shared").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            kind = getattr(errors, ast.unparse(call.func), None)
            if not (isinstance(kind, type) and issubclass(kind, errors.IngestionError)):
                continue
            is_final = disposition_of_kind(kind) in {Disposition.FAIL, Disposition.DEAD_LETTER}
            for word in call.keywords:
                owner, _, name = ast.unparse(word.value).partition(".")
                if owner == "ErrorCode":
                    made.setdefault(str(ErrorCode[name]), set()).add(not is_final)
    del made[str(ErrorCode.REFUSED)]  # written out for one rare case; elsewhere it is the code of a refused request
    assert {"Unauthenticated", "WrongAddress", "BadId", "InvalidStac"} <= made.keys()
    for code, retried in made.items():
        assert EXPLANATIONS[code].retried in retried, code


def test_explain_says_what_to_do() -> None:
    done = run_forked("explain", "ingestionresourceforbidden")
    assert done.returncode == 0
    assert "geocatalog sources" in done.stdout
