"""Runs `geocatalog enqueue`: connects, shows progress, says what was sent, skipped and refused."""

import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import typer

from cli.output.changes import tell_changes
from cli.output.faults import ExitCode, usage_error
from cli.output.printing import Bar, note, say, write_json
from cli.send.documents import Unreadable
from cli.send.enqueue import Listener, Report, Wish, enqueue
from cli.send.inputs import find_inputs
from cli.send.known_collections import is_known
from cli.send.search_query import Query

if TYPE_CHECKING:
    from cli.send.stac_api import StacSearch
    from shared.clients import Clients

# A person reads some reasons on the terminal; --json has a thousand.
_SHOWN_REASONS = 20


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


def run(arguments: EnqueueArguments, wish: Wish) -> None:
    """Enqueues, and ends with the exit code.

    Raises:
        typer.Exit: something was refused, or it was interrupted.
        CommandError: see enqueue.
        Exception: what ended it early, after the report.
    """
    _check(arguments, wish)
    inputs, passed_over = find_inputs(arguments.names)
    app = None if wish.dry_run else _connect()
    search = _search(arguments)
    with Bar("Enqueueing", unit="sent") as bar:
        tell = Listener(total=bar.total, advanced=bar.advance, sent=bar.counted)
        report = enqueue(inputs, search, wish, app, tell)
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
    from cli.connection import connect  # noqa: PLC0415 - slow to import, and a dry run does without

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
        note("Nothing was sent, since --strict was given; mend what was refused and run the command again.")
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
