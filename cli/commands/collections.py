"""`geocatalog validate`, `plan`, `diff`, `apply` and `export`: collections as code."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import JsonOption, NoWaitOption, TimeoutOption

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", help="JSON or YAML.")]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Delete render options, mosaics and queryables that the file does not have.")
]

# Creating a collection takes GeoCatalog up to half a minute, twice.
_APPLY_SECONDS = 300.0


def validate(files: FilesArgument, *, as_json: JsonOption = False) -> None:
    """Check files offline, and say where each fault is and how to mend it.

    It checks collection configurations (JSON, YAML) and STAC Items (alone, as ItemCollection, or one per line).

    Example: geocatalog validate collections/ scenes.ndjson
    """
    from cli.collections.commands import run_validate  # noqa: PLC0415 - slow to import

    run_validate(files, as_json=as_json)


def plan(files: FilesArgument, *, prune: PruneOption = False, as_json: JsonOption = False) -> None:
    """Show what applying collection files would change.

    Example: geocatalog plan collections/sentinel-2.yaml
    """
    from cli.collections.commands import run_plan  # noqa: PLC0415 - slow to import

    run_plan(files, prune=prune, as_json=as_json)


def diff(files: FilesArgument, *, prune: PruneOption = False, as_json: JsonOption = False) -> None:
    """Show where GeoCatalog differs from collection files; ends with 1 if it does.

    Example: geocatalog diff collections/
    """
    from cli.collections.commands import run_diff  # noqa: PLC0415 - slow to import

    run_diff(files, prune=prune, as_json=as_json)


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
    from cli.collections.apply_command import run  # noqa: PLC0415 - slow to import

    run(files, prune=prune, waits=not no_wait, seconds=timeout, as_json=as_json)


def export(
    collections: Annotated[
        list[str] | None, typer.Argument(metavar="[COLLECTION]...", help="Ids of collections.", show_default=False)
    ] = None,
    *,
    all_collections: Annotated[bool, typer.Option("--all", help="Every collection; the folder may follow.")] = False,
    to: Annotated[Path | None, typer.Option("--to", help="Folder the files go to; default: this one.")] = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="Write YAML instead of JSON.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write collection files from what GeoCatalog has; applying them changes nothing.

    Example: geocatalog export mine --to collections

    Example: geocatalog export --all collections
    """
    from cli.collections.commands import run_export  # noqa: PLC0415 - slow to import

    run_export(collections or [], to, all_collections=all_collections, as_yaml=yaml, as_json=as_json)
