"""`geocatalog validate`: checks collection configurations and STAC Items offline."""

from dataclasses import asdict

import typer

from cli.collections.options import FilesArgument
from cli.collections.validate import validate as find_faults
from cli.options.common import JsonOption
from cli.output.changes import tell_changes
from cli.output.faults import ExitCode
from cli.output.printing import note, say, write_json


def validate(files: FilesArgument, *, as_json: JsonOption = False) -> None:
    """Check files offline, and say where each fault is and how to fix it.

    It checks collection configurations (JSON, YAML) and STAC Items (alone, as ItemCollection, or one per line).

    Example: geocatalog validate collections/ scenes.ndjson
    """
    found = find_faults(files)
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
