"""`geocatalog verify`: whether the table, GeoCatalog and a source agree."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options.common import JsonOption, YesOption, listed
from cli.options.search import BboxOption, CollectionsOption, DatetimeOption, FilterOption, Query
from cli.verify.running import VerifyArguments, run


def verify(
    collections: Annotated[list[str], typer.Argument(metavar="COLLECTION", help="Ids of collections.")],
    *,
    against: Annotated[
        str | None,
        typer.Option("--against", help="A file, folder or URL of items, or a STAC API to search.", metavar="SOURCE"),
    ] = None,
    search_collections: CollectionsOption = None,
    bbox: BboxOption = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    drop_assets: Annotated[
        list[str] | None, typer.Option("--drop-assets", help="Asset keys that were left out, as at enqueue.")
    ] = None,
    version_by: Annotated[
        str | None, typer.Option("--version-by", help="Item property that orders versions, as at enqueue.")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="The source holds everything: what it does not have is a difference.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Items of GeoCatalog without a row are differences.")
    ] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Write rows for items of GeoCatalog that have none.")] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only items that ended since (2h, 7d, a timestamp).", metavar="AGE"),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", help="Only so many items of each collection, picked at random.", min=1)
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mark what is missing; with --against, send it. Deletes nothing.")
    ] = False,
    ids_to: Annotated[
        Path, typer.Option("--ids-to", help="Folder for the files of missing ids that --repair writes.")
    ] = Path(),
    progress: Annotated[
        Path | None, typer.Option("--progress", help="File to continue from if the run is stopped.", metavar="FILE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what --repair would do; do nothing.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the status table with GeoCatalog, and with a source; ends with 1 on any difference.

    Finds items that were deleted or changed in GeoCatalog by others, and with --against what the source has and
    GeoCatalog does not, or holds in another version. Each difference is confirmed. What is on its way is no difference.

    Example: geocatalog verify mine

    Example: geocatalog verify mine --against items.ndjson --repair
    """
    query = Query(tuple(listed(search_collections)), (), bbox, datetime, filter_)
    arguments = VerifyArguments(
        collections=listed(collections), against=against, query=query, drop_assets=tuple(listed(drop_assets)),
        version_by=version_by, complete=complete, strict=strict or adopt, adopts=adopt, since=since, sample=sample,
        repairs=repair, ids_to=ids_to, progress=progress, dry_run=dry_run, yes=yes, as_json=as_json,
    )  # fmt: skip
    run(arguments)
