"""Runs `geocatalog apply`: reads files, sends them, says part by part what became of them."""

from dataclasses import asdict
from pathlib import Path

import typer

from cli.collections.apply import Applied, apply, check_configurations
from cli.collections.files import read_configurations
from cli.connection import connect
from cli.output.faults import ExitCode
from cli.output.printing import note, say, write_json

_MARKS = {"applied": "+", "unchanged": "=", "refused": "!"}


def run(paths: list[Path], *, prune: bool, waits: bool, seconds: float, as_json: bool) -> None:
    """Applies configurations, and ends with the exit code.

    Raises:
        typer.Exit: a part was refused, or it was not done in time.
        CommandError: a file is wrong.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    files = read_configurations(paths)
    messages = check_configurations(files, prune=prune)
    for file in files:
        for other in file.beside:
            note(f"{file.path}: taken together with {other}")
    done = apply(messages, connect(needs_geocatalog=False), waits=waits, seconds=seconds)
    if as_json:
        write_json({"collections": [asdict(applied) for applied in done]})
    else:
        for applied in done:
            _tell(applied)
    if not all(applied.is_done for applied in done):
        raise typer.Exit(ExitCode.FAILED)


def _tell(applied: Applied) -> None:
    say(f"{applied.collection}: {applied.outcome}")
    tell_parts(applied.parts)
    if applied.reason and not applied.parts:
        note(f"{applied.collection}: {applied.reason}")


def tell_parts(parts: dict[str, dict[str, str]]) -> None:
    """Prints what became of each part of a configuration."""
    for part, record in parts.items():
        state = record.get("state", "")
        detail = f" — {record['detail']}" if record.get("detail") else ""
        say(f"  {_MARKS.get(state, ' ')} {part.replace('_', ' ')}: {state}{detail}")
