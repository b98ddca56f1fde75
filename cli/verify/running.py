"""Runs `geocatalog verify`: what it prints, what it asks before a repair, and how it ends."""

import sys
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cli.options.moments import parse_moment
from cli.options.search import Query
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.output.printing import Bar, note, say, write_json
from cli.settings.connection import connect
from cli.verify.catalog import Progress
from cli.verify.comparing import Comparison
from cli.verify.findings import Findings, Scope
from cli.verify.repairing import adopt, mark_missing, send_from_source, write_ids
from cli.verify.rules import DIFFERENCES, SENT_FROM_SOURCE, Verdict
from cli.verify.source import Source
from cli.verify.stage import Stage
from shared.clients import Clients
from shared.stac.ids import check_collection_id

# From so many items on, or this share of those compared, a repair is asked about first: what looks like a loss may be
# the wrong GeoCatalog or the wrong source.
_ASK_ABOVE = 1_000
_ASK_SHARE = 0.1
# A person reads so many on the terminal; --json has all.
_SHOWN = 20

_WORDS = {
    Verdict.MISSING: "missing in GeoCatalog",
    Verdict.CHANGED: "changed in GeoCatalog by others",
    Verdict.UNSENT: "in the source and never sent",
    Verdict.OLDER: "older than the source's",
    Verdict.NEWER: "newer than the source's",
    Verdict.DIFFERS: "other content than the source's",
    Verdict.UNREADABLE: "in the source and not valid",
    Verdict.WITHOUT_ROW: "in GeoCatalog without a row",
    Verdict.EXTRA: "not in the source",
    Verdict.FAILED: "known to have failed or been canceled (see geocatalog failures)",
    Verdict.ON_THE_WAY: "on their way",
    Verdict.DELETED: "in the source, and deleted by a message",
    Verdict.UNKNOWN_CONTENT: "there before their first message, so their content is not known",
}


@dataclass(frozen=True)
class VerifyArguments:
    """What to compare and what to do about differences; see `geocatalog verify --help` for each option."""

    collections: list[str]
    against: str | None
    query: Query
    drop_assets: tuple[str, ...]
    version_by: str | None
    complete: bool
    strict: bool
    adopts: bool
    since: str | None
    sample: int | None
    repairs: bool
    ids_to: Path
    progress: Path | None
    dry_run: bool
    yes: bool
    as_json: bool


def run(arguments: VerifyArguments) -> None:
    """Compare collections, repair what was asked for, and end with the exit code.

    Raises:
        typer.Exit: there are differences.
        CommandError: the command was called in a wrong way, or a collection does not exist.
        IngestionError: GeoCatalog refused or did not answer.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    _check(arguments)
    since = parse_moment(arguments.since, is_past=True, option="--since") if arguments.since else None
    scope = Scope(since, arguments.sample, arguments.strict, arguments.complete)
    collections = list(dict.fromkeys(check_collection_id(name) for name in arguments.collections))
    progress = Progress(arguments.progress, {"collections": collections})
    app = connect()
    _check_collections(collections, app)
    source = _source(arguments, collections, app)
    mark = uuid.uuid4().hex
    with Stage(source, mark) as stage:
        with Bar("Comparing", unit="items") as bar:
            comparison = Comparison(app, scope, app.now(), progress, Findings(), bar)
            rows = {collection: comparison.with_catalog(collection) for collection in collections}
            if source:
                comparison.with_source(source, rows, stage)
        found = comparison.found
        report = _fields(found, dry_run=arguments.dry_run)
        if not arguments.as_json:
            _tell(found)
        if arguments.repairs or arguments.adopts:
            report["repair"] = _repair(arguments, found, stage, mark, app, has_source=source is not None)
    progress.end()
    if arguments.as_json:
        write_json(report)
    if found.differences:
        raise typer.Exit(ExitCode.FAILED)


def _check(arguments: VerifyArguments) -> None:
    if not arguments.collections:
        raise usage_error("Name a collection.")
    belongs = arguments.query != Query() or arguments.drop_assets or arguments.version_by or arguments.complete
    if belongs and not arguments.against:
        raise usage_error(
            "--collections, --bbox, --datetime, --filter, --drop-assets, --version-by and --complete belong to "
            "--against SOURCE."
        )
    if arguments.dry_run and not (arguments.repairs or arguments.adopts):
        raise usage_error("--dry-run belongs to --repair or --adopt; without them nothing is changed anyway.")
    is_part = bool(arguments.since or arguments.sample)
    if is_part and (arguments.strict or arguments.complete or arguments.progress):
        raise usage_error(
            "--strict, --adopt, --complete and --progress need all items: leave out --since and --sample."
        )


def _check_collections(collections: list[str], app: Clients) -> None:
    unknown = [name for name in collections if app.geocatalog.get_collection(name) is None]
    if unknown:
        raise CommandError(
            f"GeoCatalog has no collection {', '.join(unknown)}; check the id and GEOCATALOG_URL, or apply its "
            "configuration. Nothing was compared."
        )


def _source(arguments: VerifyArguments, collections: list[str], app: Clients) -> Source | None:
    if arguments.against is None:
        return None
    return Source(
        name=arguments.against,
        query=arguments.query,
        drop_assets=arguments.drop_assets,
        version_by=arguments.version_by,
        collection=collections[0] if len(collections) == 1 else None,
        planetary_computer_url=app.settings.planetary_computer_url,
    )


def _repair(
    arguments: VerifyArguments, found: Findings, stage: Stage, mark: str, app: Clients, *, has_source: bool
) -> dict[str, Any]:
    missing = found.of(Verdict.MISSING) if arguments.repairs else []
    unsent = found.of(*SENT_FROM_SOURCE) if arguments.repairs and has_source else []
    adoptable = found.of(Verdict.WITHOUT_ROW) if arguments.adopts else []
    count = len({*missing, *unsent, *adoptable})
    if arguments.dry_run:
        note(
            f"Would mark {len(missing):,} items as missing, send what the source has of {len(unsent):,}, and write "
            f"rows for {len(adoptable):,}."
        )
        return {"would_mark": len(missing), "would_send": len(unsent), "would_adopt": len(adoptable)}
    _ask(count, found.compared.total(), yes=arguments.yes)
    marked = mark_missing(found, app) if missing else []
    sent: Counter[str] = Counter()
    if unsent:
        with Bar("Sending", unit="items") as bar:
            sent = send_from_source(found, stage, app, bar.counted)
    files = write_ids(missing, arguments.ids_to)
    adopted = adopt(found, app) if adoptable else 0
    _tell_repair(marked, files, sent, adopted, mark, has_source=has_source)
    return {
        "marked": len(marked), "sent": dict(sent), "adopted": adopted, "files": [str(path) for path in files],
        "correlation_id": mark if sent else None,
    }  # fmt: skip


def _ask(count: int, compared: int, *, yes: bool) -> None:
    if yes or (count <= _ASK_ABOVE and count <= _ASK_SHARE * compared):
        return
    share = f"{count:,} items are to be repaired, and {compared:,} have rows"
    if not sys.stdin.isatty():
        raise usage_error(f"{share}: nobody can be asked here; confirm with --yes.")
    note(f"{share}. Is this the right GeoCatalog, and the right source?")
    if not typer.confirm("Repair them?", err=True):
        raise CommandError("Nothing was repaired.")


def _tell_repair(
    marked: list[tuple[str, str]], files: list[Path], sent: Counter[str], adopted: int, mark: str, *, has_source: bool
) -> None:
    if marked:
        note(f"{len(marked):,} items are marked Failed (MissingInCatalog): the next enqueue or feed sends them.")
    for path in files:
        note(f"Their ids are in {path}.")
    for collection, number in sorted(sent.items()):
        note(f"Sent {number:,} items to {collection}.")
    if sent:
        note(f"Follow them with: geocatalog watch --correlation-id {mark}")
    elif has_source and marked:
        note("The source has none of them.")
    if adopted:
        note(f"Wrote rows for {adopted:,} items.")


def _tell(found: Findings) -> None:
    for collection, number in found.compared.items():
        counts = Counter(verdict for (name, _), verdict in found.items.items() if name == collection)
        say(f"{collection}: {number:,} rows compared" + ("" if counts else ", all agree"))
        for verdict in Verdict:
            if counts[verdict]:
                say(f"  {counts[verdict]:,} {_WORDS[verdict]}")
    shown = found.of(*DIFFERENCES)
    for collection, item_id in shown[:_SHOWN]:
        reason = found.reasons.get((collection, item_id))
        say(f"{collection}/{item_id}: {_WORDS[found.items[collection, item_id]]}" + (f": {reason}" if reason else ""))
    if len(shown) > _SHOWN:
        note(f"{len(shown) - _SHOWN:,} more differ; --json lists them.")


def _fields(found: Findings, *, dry_run: bool) -> dict[str, Any]:
    counts = Counter(verdict.value for verdict in found.items.values())
    return {
        "compared": dict(found.compared), "differences": found.differences, "counts": dict(counts),
        "items": found.as_listed(), "dry_run": dry_run,
    }  # fmt: skip
