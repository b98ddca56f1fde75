"""`geocatalog sources`: lists the ingestion sources, adds one, removes one."""

from typing import Annotated, Any

import typer

from cli.options.common import JsonOption, NoWaitOption, TimeoutOption
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.output.printing import note, print_table, say, write_json
from cli.output.waiting import wait_for
from cli.settings.connection import connect, has_geocatalog
from cli.sources.open_operations import MOST_OPERATIONS, open_operations
from cli.sources.source_states import SourceState, read_sources, read_unmanaged
from shared.basics.errors import IngestionError
from shared.clients import Clients
from shared.sources.specs import SourceSpec, parse_source
from shared.sources.wanted import want_source

app = typer.Typer(rich_markup_mode="rich")

# The app renews every five minutes.
_RENEWAL_SECONDS = 330.0

ContainerArgument = Annotated[str, typer.Argument(metavar="CONTAINER_URL", help="https://ACCOUNT.blob…/CONTAINER")]


@app.callback(invoke_without_command=True)
def sources(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List, add and remove the ingestion sources that the app keeps alive; those that others made are listed too.

    Example: geocatalog sources
    """
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    app = connect(needs_geocatalog=False)
    managed = read_sources(app)
    unmanaged, unread = _unmanaged(app, managed)
    operations, is_partial = open_operations(app)
    faults = app.sources.faults()
    if as_json:
        listed = [(source, True) for source in managed] + [(source, False) for source in unmanaged]
        sources = [
            {**source.fields(), "is_managed": is_managed, "open_operations": operations[source.container_url]}
            for source, is_managed in listed
        ]
        write_json({"sources": sources, "faults": faults, "unread": unread, "is_partial": is_partial})
        return
    if managed or unmanaged:
        table = [_cells(source, operations[source.container_url], app) for source in managed]
        table += [_cells(source, operations[source.container_url], app, prefix="unmanaged, ") for source in unmanaged]
        print_table(["Container", "Kind", "Renewed", "Ends", "State", "Open operations"], table)
    else:
        note("There is no ingestion source; add one with geocatalog sources add.")
    if is_partial:
        note(f"Of the open operations only the first {MOST_OPERATIONS:,} were counted.")
    if unread:
        note(f"Sources that others made are not shown: {unread}")
    for fault in faults:
        note(f"INGESTION_SOURCES: {fault}")


def _unmanaged(app: Clients, managed: list[SourceState]) -> tuple[list[SourceState], str | None]:
    """Reads the sources that others made, or says why they could not be read."""
    if not has_geocatalog():
        return [], "GEOCATALOG_URL is not set."
    try:
        return read_unmanaged(app, managed), None
    except IngestionError as error:
        return [], error.message


def _cells(source: SourceState, operations: int, app: Clients, *, prefix: str = "") -> list[object]:
    state = prefix + source.in_words(app.now())
    return [source.container_url, source.kind, source.renewed_at, source.expires_at, state, operations or None]


@app.command()
def add(
    container_url: ContainerArgument,
    *,
    planetary_computer: Annotated[
        str | None, typer.Option(help="SAS of this collection of the open Planetary Computer.", metavar="ID")
    ] = None,
    managed_identity: Annotated[
        str | None, typer.Option(help="Object id of an identity attached to the GeoCatalog.", metavar="OBJECT_ID")
    ] = None,
    user_delegation: Annotated[
        bool, typer.Option("--user-delegation", help="SAS signed with the app's identity.")
    ] = False,
    lifetime: Annotated[str, typer.Option(help="Life of such a SAS.", metavar="ISO_DURATION")] = "P1D",
    setting: Annotated[str | None, typer.Option(help="SAS held by this setting of the app.", metavar="NAME")] = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = _RENEWAL_SECONDS,
    as_json: JsonOption = False,
) -> None:
    """Add a container to those that are kept open for GeoCatalog.

    Example: geocatalog sources add https://ours.blob.core.windows.net/scenes --user-delegation
    """
    sas = {
        "planetary_computer": planetary_computer,
        "user_delegation": {"lifetime": lifetime} if user_delegation else None,
        "setting": setting,
    }
    given = {name: value for name, value in sas.items() if value}
    fields = {
        "container_url": container_url.rstrip("/"),
        "managed_identity": {"object_id": managed_identity} if managed_identity else None,
        "sas": given or None,
    }
    wanted = {name: value for name, value in fields.items() if value}
    _add(wanted, waits=not no_wait, seconds=timeout, as_json=as_json)


def _add(fields: dict[str, Any], *, waits: bool, seconds: float, as_json: bool) -> None:
    try:
        spec = parse_source(fields)
    except ValueError as error:
        raise usage_error(f"The source is wrong: {error}.") from None
    app = connect(needs_geocatalog=False)
    before = _state(spec, app)
    want_source(spec, app.sources)
    state = wait_for(lambda: _settled(spec, before, app), what=spec.container_url, seconds=seconds) if waits else None
    if as_json:
        write_json({"container_url": spec.container_url, "source": state.fields() if state else None})
    elif state is None:
        note("The app puts it in place at its next renewal, within five minutes; see geocatalog sources.")
    else:
        say(f"{spec.container_url}: {state.in_words(app.now())}")
    if waits and (state is None or not state.source_id or state.error_code):
        raise typer.Exit(ExitCode.FAILED)


def _state(spec: SourceSpec, app: Clients) -> SourceState | None:
    return next((source for source in read_sources(app) if source.container_url == spec.container_url), None)


def _settled(spec: SourceSpec, before: SourceState | None, app: Clients) -> SourceState | None:
    """Returns how the source stands once the app has looked after it again."""
    state = _state(spec, app)
    is_new = state is not None and state.checked_at != (before.checked_at if before else None)
    return state if is_new else None


@app.command()
def remove(container_url: ContainerArgument, *, as_json: JsonOption = False) -> None:
    """Stop keeping a container open; in GeoCatalog its source stays until its SAS ends.

    Example: geocatalog sources remove https://ours.blob.core.windows.net/scenes
    """
    app = connect(needs_geocatalog=False)
    wanted = container_url.rstrip("/")
    row = next((row for row in app.sources.rows() if str(row.get("container_url")) == wanted), None)
    if row is None:
        raise CommandError(f"There is no source for {wanted}; geocatalog sources lists them.")
    app.sources.delete(str(row["RowKey"]))
    if as_json:
        write_json({"container_url": wanted, "removed": True})
    else:
        say(f"{wanted} is no longer kept alive. In GeoCatalog it stays until its SAS ends.")
    note("If INGESTION_SOURCES names it, take it out there too, or it comes back.")
