"""Runs `geocatalog sources`: lists the ingestion sources, adds one, forgets one."""

from typing import Any

import typer

from cli.connection import connect
from cli.faults import CommandError, ExitCode, usage_error
from cli.output import note, print_table, say, write_json
from cli.rows.sources import SourceState, read_sources
from cli.waiting import wait_for
from shared.clients import Clients
from shared.source_specs import SourceSpec, parse_source
from shared.sources import want_source


def list_sources(*, as_json: bool) -> None:
    """Prints every source and its time left.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    app = connect(needs_geocatalog=False)
    sources = read_sources(app)
    if as_json:
        write_json({"sources": [source.fields() for source in sources]})
        return
    if not sources:
        note("There is no ingestion source; add one with geocatalog sources add.")
        return
    print_table(
        ["Container", "Kind", "Renewed", "Ends", "State"],
        [
            [source.container_url, source.kind, source.renewed_at, source.expires_at, source.in_words(app.now())]
            for source in sources
        ],
    )


def add_source(fields: dict[str, Any], *, waits: bool, seconds: float, as_json: bool) -> None:
    """Adds a source to those that the app keeps alive, and waits until it is in place.

    Raises:
        typer.Exit: it could not be put in place.
        CommandError: the fields are wrong.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    try:
        spec = parse_source(fields)
    except ValueError as error:
        raise usage_error(f"The source is wrong: {error}.") from None
    app = connect(needs_geocatalog=False)
    want_source(spec, app)
    state = wait_for(lambda: _settled(spec, app), what=spec.container_url, seconds=seconds) if waits else None
    if as_json:
        write_json({"container_url": spec.container_url, "source": state.fields() if state else None})
    elif state is None:
        note("The app puts it in place at its next renewal, within five minutes; see geocatalog sources.")
    else:
        say(f"{spec.container_url}: {state.in_words(app.now())}")
    if waits and (state is None or not state.source_id):
        raise typer.Exit(ExitCode.FAILED)


def _settled(spec: SourceSpec, app: Clients) -> SourceState | None:
    state = next((source for source in read_sources(app) if source.container_url == spec.container_url), None)
    return state if state and (state.source_id or state.error_code) else None


def remove_source(container_url: str, *, as_json: bool) -> None:
    """Forgets a source: the app no longer keeps it alive. In GeoCatalog it stays until its SAS ends.

    Raises:
        CommandError: there is none for the container.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
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
