"""`geocatalog sources`: the ingestion sources that the app keeps alive."""

from typing import Annotated

import typer

from cli.commands.options import JsonOption, NoWaitOption, TimeoutOption

app = typer.Typer(help="List, add and remove the ingestion sources that the app keeps alive.")

# The app renews every five minutes.
_RENEWAL_SECONDS = 330.0

ContainerArgument = Annotated[str, typer.Argument(metavar="CONTAINER_URL", help="https://ACCOUNT.blob…/CONTAINER")]


@app.callback(invoke_without_command=True)
def sources(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List, add and remove the ingestion sources that the app keeps alive; those that others made are listed too.

    Example: geocatalog sources
    """
    if context.invoked_subcommand is None:
        from cli.sources.commands import list_sources  # noqa: PLC0415 - slow to import

        list_sources(as_json=as_json)


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
    from cli.sources.commands import add_source  # noqa: PLC0415 - slow to import

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
    add_source(
        {name: value for name, value in fields.items() if value}, waits=not no_wait, seconds=timeout, as_json=as_json
    )


@app.command()
def remove(container_url: ContainerArgument, *, as_json: JsonOption = False) -> None:
    """Stop keeping a container open; in GeoCatalog its source stays until its SAS ends.

    Example: geocatalog sources remove https://ours.blob.core.windows.net/scenes
    """
    from cli.sources.commands import remove_source  # noqa: PLC0415 - slow to import

    remove_source(container_url, as_json=as_json)
