"""`geocatalog plan` and `diff`: what applying collection files would change."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from cli.collections.files import ConfigurationFile, read_configurations
from cli.collections.options import FilesArgument, PruneOption
from cli.collections.plan import Change, Plan, make_plan
from cli.options.common import JsonOption
from cli.output.faults import CommandError, ExitCode
from cli.output.printing import console, say, write_json
from cli.settings.connection import connect
from shared.basics.errors import IngestionError
from shared.clients import Clients

_COLOURS = {"+": "green", "-": "red"}


def plan(files: FilesArgument, *, prune: PruneOption = False, as_json: JsonOption = False) -> None:
    """Show what applying collection files would change.

    Example: geocatalog plan collections/sentinel-2.yaml
    """
    plans = _plans(files, prune=prune)
    _show_plans(plans, as_json=as_json)
    if any(one.refused for one in plans):
        raise typer.Exit(ExitCode.FAILED)


def diff(files: FilesArgument, *, prune: PruneOption = False, as_json: JsonOption = False) -> None:
    """Show where GeoCatalog differs from collection files; ends with 1 if it does.

    Example: geocatalog diff collections/
    """
    plans = _plans(files, prune=prune)
    _show_plans(plans, as_json=as_json)
    if not all(one.is_as_wanted for one in plans):
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
