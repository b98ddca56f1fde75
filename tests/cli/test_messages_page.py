"""docs/messages.md: its examples run as they stand, and its tables name every field."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from shared.messages.models import CollectionMessage, DeletionMessage, ItemMessage, Message
from shared.messages.results import Result
from tests.cli.command import clean_environment
from tests.running_stack import RunningStack, wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")}


def python_of(section: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", SECTIONS[section], flags=re.DOTALL))


def run_example(section: str, stack: RunningStack) -> str:
    done = subprocess.run(
        [sys.executable, "-c", python_of(section)],
        env=clean_environment(stack.env), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_python_example_does_what_the_page_says(stack: RunningStack) -> None:
    run_example("Collections", stack)
    wait_for(lambda: stack.clients.status.get_collection("mine").get("configured_at"), "the collection")
    run_example("Items", stack)
    run_example("Files", stack)
    wait_for(lambda: stack.statuses("mine") == {"scene-1": "Succeeded", "scene-2": "Succeeded"}, "both scenes")
    run_example("Deletions", stack)
    wait_for(lambda: stack.statuses("mine").get("scene-2") == "Deleted", "the deletion")
    told = ""

    def results() -> bool:
        nonlocal told
        told += run_example("Results", stack)
        return {"mine None applied", "mine scene-1 ingested", "mine scene-2 deleted"} <= {
            line.strip() for line in told.splitlines()
        }

    wait_for(results, "the results")


@pytest.mark.skipif(shutil.which("az") is None, reason="the Azure CLI (az) is not on PATH")
def test_every_az_example_runs(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "scenes.ndjson").write_text("{}\n")
    for command in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL):
        subprocess.run(
            ["bash", "-ec", command], env=clean_environment(stack.env), cwd=tmp_path, timeout=100, check=True
        )


@pytest.mark.parametrize(
    ("section", "model"),
    [("Items", ItemMessage), ("Collections", CollectionMessage), ("Deletions", DeletionMessage), ("Results", Result)],
)
def test_every_field_is_named(section: str, model: type[BaseModel]) -> None:
    kept_by_the_app = {"attempt", "first_enqueued", "retry_since", "crashes", "offset", "source"}
    kept_by_the_app |= {name for name in Message.model_fields if name not in {"correlation_id", "traceparent"}}
    fields = {info.alias or name for name, info in model.model_fields.items()} - kept_by_the_app
    named = set(re.findall(r"`([$a-z_]+)`", SECTIONS[section]))
    assert fields <= named
