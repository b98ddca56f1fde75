"""`geocatalog export`: writes collection files from what GeoCatalog has."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.collections.export import write_export
from cli.options.common import JsonOption
from cli.output.faults import CommandError, usage_error
from cli.output.printing import note, say, write_json
from cli.settings.connection import connect
from shared.clients import Clients


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
    names = collections or []
    if all_collections and len(names) == 1 and to is None:
        to, names = Path(names[0]), []
    if all_collections == bool(names):
        raise usage_error("Name collections, or give --all and the folder: geocatalog export --all DIR.")
    app = connect(needs_storage=False)
    found = app.geocatalog.collections() if all_collections else [_live(name, app) for name in names]
    files = [path for live in found for path in write_export(live, app.geocatalog, to or Path(), as_yaml=yaml)]
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
