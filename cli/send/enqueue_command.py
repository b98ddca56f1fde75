"""`geocatalog enqueue`: sends items, shows progress, says what was sent, skipped and refused."""

import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.documents.documents import Unreadable
from cli.documents.inputs import find_inputs
from cli.options.common import JsonOption, listed
from cli.options.search import BboxOption, CollectionsOption, DatetimeOption, FilterOption, IdsOption, Query
from cli.output.changes import tell_changes
from cli.output.faults import ExitCode, usage_error
from cli.output.printing import Bar, note, say, write_json
from cli.send.enqueue import Listener, Report, Wish
from cli.send.enqueue import enqueue as send_all
from cli.send.known_collections import is_known

if TYPE_CHECKING:
    from cli.send.stac_api import StacSearch
    from shared.clients import Clients

# A person reads some reasons on the terminal; --json has a thousand.
_SHOWN_REASONS = 20


def enqueue(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, URLs, or - for standard input.", metavar="INPUT", show_default=False),
    ] = None,
    *,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Collection all items go to; default: each its own.")
    ] = None,
    if_exists: Annotated[
        Literal["replace", "skip", "fail"], typer.Option(help="What to do when GeoCatalog holds the item.")
    ] = "replace",
    force: Annotated[bool, typer.Option("--force", help="Ingest even what is there in the same content.")] = False,
    version_by: Annotated[
        str | None, typer.Option(help="Item property that orders versions, such as s2:generation_time.")
    ] = None,
    drop_assets: Annotated[
        list[str] | None, typer.Option(help="Asset keys to leave out, by comma or repeated.", metavar="KEYS")
    ] = None,
    correlation_id: Annotated[
        str | None, typer.Option(help="Mark that results and rows carry; default: a new one.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Landing page of a STAC API whose items are enqueued.", metavar="URL")
    ] = None,
    collections: CollectionsOption = None,
    ids: IdsOption = None,
    bbox: BboxOption = None,
    datetime: DatetimeOption = None,
    filter_: FilterOption = None,
    max_items: Annotated[int | None, typer.Option(help="Most items to take from the search.", min=1)] = None,
    by_reference: Annotated[
        bool, typer.Option("--by-reference", help="Send URLs as they are, for the app to read.")
    ] = False,
    definition: Annotated[
        bool, typer.Option("--definition", help="Replace the definition of a collection that exists.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing at all if one item is bad.")] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Leave bad items out without failing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, send nothing.")] = False,
    workers: Annotated[int, typer.Option(help="Messages sent at once.", min=1, max=64)] = 16,
    as_json: JsonOption = False,
) -> None:
    """Send STAC items to be ingested.

    Takes Items, ItemCollections, newline-delimited Items, STAC GeoParquet and static catalogs. STAC Collections among
    the files are sent first, unless they exist. Every item is checked before it is sent. Running the same command again
    is harmless: what is ingested in the same content already stays as it is.

    Example: geocatalog enqueue scenes/ --collection mine

    Example: geocatalog enqueue --search https://planetarycomputer.microsoft.com/api/stac/v1 --collections
    sentinel-2-l2a --bbox -22.46,63.83,-22.39,63.89 --datetime 2024-02-04/2024-02-11 --max-items 6 --collection mine
    """
    marks = {"correlation_id": correlation_id} if correlation_id else {}
    wish = Wish(
        collection=collection,
        if_exists=if_exists,
        force=force,
        version_by=version_by,
        drop_assets=tuple(listed(drop_assets)),
        by_reference=by_reference,
        strict=strict,
        skip_invalid=skip_invalid,
        dry_run=dry_run,
        definition=definition,
        width=workers,
        **marks,
    )
    query = Query(tuple(listed(collections)), tuple(listed(ids)), bbox, datetime, filter_)
    _run(EnqueueArguments(inputs or [], search, query, max_items, as_json=as_json), wish)


@dataclass(frozen=True)
class EnqueueArguments:
    """What to enqueue.

    Attributes:
        names: files, folders, URLs, `-`.
        search: landing page of a STAC API.
        query: what to search there.
        max_items: the most items to take from the search.
        as_json: whether to report in JSON.
    """

    names: list[str]
    search: str | None
    query: Query
    max_items: int | None
    as_json: bool


def _run(arguments: EnqueueArguments, wish: Wish) -> None:
    _check(arguments, wish)
    inputs, passed_over = find_inputs(arguments.names)
    app = None if wish.dry_run else _connect()
    search = _search(arguments)
    with Bar("Enqueueing", unit="sent") as bar:
        tell = Listener(total=bar.total, advanced=bar.advance, sent=bar.counted)
        report = send_all(inputs, search, wish, app, tell)
    if passed_over:
        report.warnings.append(
            f"{passed_over} other files in folders were passed over: hidden, or of an ending that is not of STAC."
        )
    if report.ended_count:
        report.warnings.append(
            f"{report.ended_count:,} items carry a signature that has ended, such as {report.first_ended} The app "
            "leaves it out where an ingestion source serves the container; other such items fail."
        )
    if report.fault is None:
        _warn_of_unknown_collections(report, app)
    _tell(report, wish, as_json=arguments.as_json)
    if report.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if report.fault is not None:
        raise report.fault
    if report.refused_count or report.is_short or not (report.sent or report.references or report.collections):
        raise typer.Exit(ExitCode.FAILED)


def _search(arguments: EnqueueArguments) -> "StacSearch | None":
    if not arguments.search:
        return None
    from cli.send.stac_api import StacSearch  # noqa: PLC0415 - only a search needs a web client

    return StacSearch(arguments.search, arguments.query, arguments.max_items)


def _connect() -> "Clients":
    from cli.settings.connection import connect  # noqa: PLC0415 - slow to import, and a dry run does without

    return connect(needs_geocatalog=False)


def _check(arguments: EnqueueArguments, wish: Wish) -> None:
    if not arguments.names and not arguments.search:
        raise usage_error(
            "There is nothing to enqueue: name files, folders or URLs, - for standard input, or --search."
        )
    if (arguments.query != Query() or arguments.max_items) and not arguments.search:
        raise usage_error("--collections, --ids, --bbox, --datetime, --filter and --max-items belong to --search URL.")
    if wish.strict and wish.skip_invalid:
        raise usage_error("--strict and --skip-invalid exclude each other; give one of them.")
    if arguments.names.count("-") and sys.stdin.isatty():
        note("Reading STAC items from standard input; end with Ctrl-D.")


def _warn_of_unknown_collections(report: Report, app: "Clients | None") -> None:
    for (named, beside), count in report.retargeted.items():
        why = f"collection {named}, which was neither sent along nor is in GeoCatalog" if named else "no collection"
        report.warnings.append(
            f"{count} items name {why}; they go to {beside}, the collection beside them; --collection names another."
        )
    for collection, count in report.sent.items():
        if collection in report.collections or is_known(collection, app):
            continue
        report.warnings.append(
            f"{count} items go to collection {collection}, which was not sent along and is not in GeoCatalog: they are "
            "held until it exists. Apply its configuration, or enqueue with --collection."
        )


def _tell(report: Report, wish: Wish, *, as_json: bool) -> None:
    if as_json:
        write_json(_as_json(report, wish))
        return
    for warning in report.warnings:
        note(f"Note: {warning}")
    tell_changes(report.changes)
    _tell_reasons("Skipped", report.skipped, report.skipped_count)
    _tell_reasons("Refused", report.refused, report.refused_count)
    verb = "Would send" if wish.dry_run else "Sent"
    for collection in report.collections:
        condition = ", unless it exists" if wish.dry_run and not wish.definition else ""
        say(f"{verb} the definition of collection {collection}{condition}.")
    parts = [f"{count:,} items to {collection}" for collection, count in sorted(report.sent.items())]
    if report.references:
        parts.append(f"{report.references:,} URLs for the app to read")
    if not (report.collections and not parts):
        say(
            f"{verb} {', '.join(parts) or 'nothing'}; skipped {report.skipped_count:,}, "
            f"refused {report.refused_count:,}."
        )
    if wish.strict and report.refused_count:
        note("Nothing was sent, since --strict was given; fix what was refused and run the command again.")
    if report.interrupted:
        note("Run the same command again to send the rest; nothing is ingested twice.")
    elif report.fault is not None:
        note("It ended early. Run the same command again to send the rest; nothing is ingested twice.")
    elif parts and not wish.dry_run:
        note(f"Follow them with: geocatalog watch --correlation-id {wish.correlation_id}")


def _tell_reasons(verb: str, some: list[Unreadable], count: int) -> None:
    for entry in some[:_SHOWN_REASONS]:
        note(f"{verb}: {entry.origin}: {entry.reason}")
    if count > _SHOWN_REASONS:
        reasons = Counter(entry.reason for entry in some).most_common(1)[0]
        note(f"{verb}: {count - _SHOWN_REASONS:,} more (most often: {reasons[0]}); --json lists them.")


def _as_json(report: Report, wish: Wish) -> dict[str, Any]:
    return {
        "sent": sum(report.sent.values()),
        "by_collection": dict(report.sent),
        "references": report.references,
        "collections": report.collections,
        "skipped": report.skipped_count,
        "refused": report.refused_count,
        "reasons": [
            {"origin": entry.origin, "reason": entry.reason, "what": what}
            for what, entries in (("skipped", report.skipped), ("refused", report.refused))
            for entry in entries
        ],
        "converted": report.converted_count,
        "changes": [asdict(change) for change in report.changes],
        "warnings": report.warnings,
        "correlation_id": wish.correlation_id,
        "dry_run": wish.dry_run,
        "interrupted": report.interrupted,
        "complete": not (report.interrupted or report.fault or report.is_short),
    }
