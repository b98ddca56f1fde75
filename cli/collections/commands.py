"""Runs `geocatalog validate`, `plan`, `diff` and `export`: what they print, and how they end."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from cli.collections.export import write_export
from cli.collections.files import ConfigurationFile, read_configurations
from cli.collections.plan import Change, Plan, make_plan
from cli.collections.validate import validate
from cli.connection import connect
from cli.output.changes import tell_changes
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.output.printing import console, note, say, write_json
from shared.basics.errors import IngestionError
from shared.clients import Clients

_COLOURS = {"+": "green", "-": "red"}


def run_validate(paths: list[Path], *, as_json: bool) -> None:
    """Checks collection configurations and STAC Items offline, and ends with the exit code.

    Raises:
        typer.Exit: there are faults.
        CommandError: a file cannot be read.
    """
    found = validate(paths)
    if as_json:
        write_json({"valid": not found.faults, **asdict(found)})
    else:
        for fault in found.faults:
            say(f"{fault.file}: {fault.place + ': ' if fault.place else ''}{fault.fault}")
        for file in found.passed_over:
            note(f"{file}: passed over; it is neither a collection configuration nor a STAC Item.")
        tell_changes(found.changes)
        if not found.faults:
            changed = f"; {found.converted:,} of them are converted when they are sent" if found.converted else ""
            say(f"Valid: {found.configurations:,} collection configurations, {found.items:,} items{changed}.")
    if found.faults:
        raise typer.Exit(ExitCode.FAILED)


def run_plan(paths: list[Path], *, prune: bool, as_json: bool) -> None:
    """Prints what applying the files would change.

    Raises:
        typer.Exit: something in a file would be refused.
        CommandError: a file is wrong.
        IngestionError: GeoCatalog or the Planetary Computer refused or did not answer.
    """
    plans = _plans(paths, prune=prune)
    _show_plans(plans, as_json=as_json)
    if any(plan.refused for plan in plans):
        raise typer.Exit(ExitCode.FAILED)


def run_diff(paths: list[Path], *, prune: bool, as_json: bool) -> None:
    """Prints where GeoCatalog differs from the files, and ends with 1 if it does.

    Raises:
        typer.Exit: it differs, or something in a file would be refused.
        CommandError: a file is wrong.
        IngestionError: GeoCatalog or the Planetary Computer refused or did not answer.
    """
    plans = _plans(paths, prune=prune)
    _show_plans(plans, as_json=as_json)
    if not all(plan.is_as_wanted for plan in plans):
        raise typer.Exit(ExitCode.FAILED)


def _plans(paths: list[Path], *, prune: bool) -> list[Plan]:
    files = read_configurations(paths)
    app = connect(needs_storage=False)
    return [_plan(file, app, prune=prune) for file in files]


def _plan(file: ConfigurationFile, app: Clients, *, prune: bool) -> Plan:
    fields: dict[str, Any] = {**file.message, "prune": True} if prune else file.message
    try:
        return make_plan(str(file.path), fields, app)
    except IngestionError as error:
        raise CommandError(f"{file.path}: {error.message}") from None


def _show_plans(plans: list[Plan], *, as_json: bool) -> None:
    if as_json:
        write_json({"collections": [asdict(plan) for plan in plans], "changes": sum(len(p.changes) for p in plans)})
        return
    for plan in plans:
        if plan.is_as_wanted:
            say(f"{plan.collection}: as {plan.file} says")
            continue
        say(f"{plan.collection}: {len(plan.changes)} changes by {plan.file}" + ("" if plan.exists else " (new)"))
        for change in plan.changes:
            _show_change(change)
        for refusal in plan.refused:
            say(f"  refused: {refusal}")
        for sentence in plan.conversions:
            say(f"  converted: {sentence}")


def _show_change(change: Change) -> None:
    say(f"  {change.part.replace('_', ' ')}: {change.what}")
    sys.stdout.flush()
    for line in change.lines:
        console().print(f"      {line}", style=_COLOURS.get(line[:1]), markup=False)


def run_export(names: list[str], folder: Path | None, *, all_collections: bool, as_yaml: bool, as_json: bool) -> None:
    """Writes configuration files of collections.

    Args:
        names: ids of collections; with `all_collections`, the folder may stand here.
        folder: where the files go.
        all_collections: whether to export every collection.
        as_yaml: whether to write YAML.
        as_json: whether to report in JSON.

    Raises:
        CommandError: no collection was named, or there is none of that id.
        IngestionError: GeoCatalog refused or did not answer.
    """
    if all_collections and len(names) == 1 and folder is None:
        folder, names = Path(names[0]), []
    if all_collections == bool(names):
        raise usage_error("Name collections, or give --all and the folder: geocatalog export --all DIR.")
    app = connect(needs_storage=False)
    found = app.geocatalog.collections() if all_collections else [_live(name, app) for name in names]
    files = [path for live in found for path in write_export(live, app.geocatalog, folder or Path(), as_yaml=as_yaml)]
    if as_json:
        write_json({"files": [str(path) for path in files]})
        return
    for path in files:
        say(str(path))
    if not files:
        note("GeoCatalog has no collections.")


def _live(name: str, app: Clients) -> dict[str, Any]:
    live = app.geocatalog.get_collection(name)
    if live is None:
        raise CommandError(f"GeoCatalog has no collection {name}; geocatalog export --all DIR exports every one.")
    return live
