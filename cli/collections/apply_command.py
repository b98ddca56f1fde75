"""`geocatalog apply`: reads files, sends them, says part by part what became of them."""

from dataclasses import asdict

import typer

from cli.collections.apply import Applied, check_configurations, send_and_wait
from cli.collections.files import read_configurations
from cli.collections.options import FilesArgument, PruneOption
from cli.follow.collection_story import tell_parts
from cli.options.common import JsonOption, NoWaitOption, TimeoutOption
from cli.output.faults import ExitCode
from cli.output.printing import note, say, write_json
from cli.settings.connection import connect

# Creating a collection takes GeoCatalog up to half a minute, twice.
_APPLY_SECONDS = 300.0


def apply(
    files: FilesArgument,
    *,
    prune: PruneOption = False,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = _APPLY_SECONDS,
    as_json: JsonOption = False,
) -> None:
    """Make collections as their files say, and wait until they are.

    Example: geocatalog apply collections/
    """
    configurations = read_configurations(files)
    messages = check_configurations(configurations, prune=prune)
    for file in configurations:
        for other in file.beside:
            note(f"{file.path}: taken together with {other}")
    done = send_and_wait(messages, connect(needs_geocatalog=False), waits=not no_wait, seconds=timeout)
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
