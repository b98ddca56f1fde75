"""`geocatalog cancel` and `report`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import JsonOption


def cancel(
    operations: Annotated[
        list[str] | None, typer.Argument(metavar="OPERATION", help="Ids of operations.", show_default=False)
    ] = None,
    *,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Every open operation of this collection.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, cancel none.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Cancel operations of GeoCatalog, one by one; never those of the whole catalogue.

    Example: geocatalog cancel --collection mine
    """
    from cli.recover.canceling import run  # noqa: PLC0415 - slow to import

    run(operations or [], collection, dry_run=dry_run, as_json=as_json)


def report(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    as_json: JsonOption = False,
) -> None:
    """Write one self-contained page: footprints by state, counts over time, freshness, failures, sources.

    Example: geocatalog report -o report.html
    """
    from cli.report.command import run  # noqa: PLC0415 - slow to import

    run(output, as_json=as_json)
