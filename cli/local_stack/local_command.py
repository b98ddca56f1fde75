"""`geocatalog local`: everything that stands in for Azure on one machine, up and down."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.options.common import JsonOption
from cli.output.faults import CommandError, usage_error
from cli.output.printing import note, print_table, write_json
from cli.settings.connection import connect
from local.azurite_install import AzuriteError
from local.stack.lock import held_lock, running_pid
from local.stack.parts import PartError
from local.stack.stack import PORT_NAMES, Stack, StackOptions, run_until_signal
from local.stack.status import read_status
from shared.basics.errors import IngestionError, SettingsError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="Run everything that stands in for Azure on this machine."
)

_DEFAULT_STATE = Path(".local")
_UP_SECONDS = 300.0
_DOWN_SECONDS = 60.0

StateOption = Annotated[Path, typer.Option("--state", help="Folder for its env file, logs and data.")]


@app.command()
def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running in the background.")] = False,
    no_host: Annotated[bool, typer.Option("--no-host", help="Without the Functions host and the app.")] = False,
    core_tools: Annotated[
        bool, typer.Option("--core-tools", help="Run the app with `func start`, where the Core Tools are installed.")
    ] = False,
    assets: Annotated[str, typer.Option(help="What the GeoCatalog emulator does with assets: copy or trust.")] = "copy",
    sas_life: Annotated[
        int, typer.Option(help="Life of the Planetary Computer emulator's SAS, in seconds.", min=1)
    ] = 3600,
    geocatalog: Annotated[
        str | None,
        typer.Option(help="URL of a GeoCatalog in Azure, used with your own login in place of the emulators."),
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option(help="NAME=PORT for a part, such as geocatalog=8080; may be repeated.")
    ] = None,
    state: StateOption = _DEFAULT_STATE,
) -> None:
    """Start Azurite, the emulators and the Functions host with the app, and say where each is.

    With --geocatalog the app runs on this machine against that GeoCatalog, with your own login (az login) and at the
    pace it has in Azure: operations are looked after every minute.

    Example: geocatalog local up --detach

    Example: geocatalog local up --geocatalog https://mine.0123.uksouth.geocatalog.spatio.azure.com
    """
    if assets not in {"copy", "trust"}:
        raise typer.BadParameter("must be copy or trust", param_hint="--assets")
    ports = _ports(port or [], PORT_NAMES)
    _refuse_second(state)
    if detach:
        _detach(state)
        return
    if geocatalog is not None:
        _check_geocatalog(geocatalog)
    options = StackOptions(
        state=state.resolve(),
        with_host=not no_host,
        core_tools=shutil.which("func") if core_tools else None,
        assets=assets,
        sas_life=sas_life,
        geocatalog=geocatalog,
        ports=ports,
    )
    stack = Stack(options, say=lambda name, endpoint: typer.echo(f"{name:<28} {endpoint}"))
    try:
        with held_lock(state):
            run_until_signal(stack, ready=lambda: typer.echo(_ready_text(state)))
    except (AzuriteError, PartError) as error:
        typer.echo(f"geocatalog: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def down(*, state: StateOption = _DEFAULT_STATE) -> None:
    """Stop a stack that was left running in the background.

    Example: geocatalog local down
    """
    pid = running_pid(state)
    if pid is None:
        typer.echo(f"No stack is running in {state}.")
        return
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + _DOWN_SECONDS
    while running_pid(state) is not None:
        if time.monotonic() > give_up:
            typer.echo(f"geocatalog: the stack (process {pid}) did not stop; end it by hand.", err=True)
            raise typer.Exit(1)
        time.sleep(0.05)
    typer.echo("Stopped.")


@app.command()
def status(*, state: StateOption = _DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Show each part of a running stack, how often it was restarted, and why; ends with 1 where a part is down.

    Example: geocatalog local status

    Example: geocatalog local status --json
    """
    parts = read_status(state) if running_pid(state) is not None else []
    up_by_name = {part.name: part.is_up() for part in parts}
    if as_json:
        fields = [{**asdict(part), "up": up_by_name[part.name]} for part in parts]
        write_json({"running": bool(parts), "parts": fields})
    elif parts:
        rows = [
            (part.name, "up" if up_by_name[part.name] else "down", part.url, part.restarts, part.last_reason)
            for part in parts
        ]
        print_table(("part", "state", "address", "restarts", "last reason"), rows)
    else:
        note(f"No stack that is ready is running in {state}; start one with `geocatalog local up`.")
    if not parts or not all(up_by_name.values()):
        raise typer.Exit(1)


def _check_geocatalog(url: str) -> None:
    """Makes one harmless call with the login that the app will use, before anything is started."""
    os.environ["GEOCATALOG_URL"] = url
    try:
        connect(needs_storage=False).geocatalog.search({"limit": 1})
    except SettingsError as error:
        raise usage_error(error.message) from None
    except IngestionError as error:
        raise CommandError(
            f"{error.message} Nothing was started; check the URL, and sign in with `az login`."
        ) from None


def _ports(given: list[str], names: tuple[str, ...]) -> dict[str, int]:
    ports = {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in names or not number.isdigit():
            raise typer.BadParameter(f"{text!r} is not NAME=PORT with one of {', '.join(names)}", param_hint="--port")
        ports[name] = int(number)
    return ports


def _refuse_second(state: Path) -> None:

    pid = running_pid(state)
    if pid is not None:
        typer.echo(
            f"geocatalog: a stack runs in {state} already (process {pid}); stop it with `geocatalog local down`, "
            "or give this one another --state.",
            err=True,
        )
        raise typer.Exit(1)


def _detach(state: Path) -> None:
    """Starts the same command in the background and waits until it is ready."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "env").unlink(missing_ok=True)  # of a stack that ended without a word
    log = state / "stack.log"
    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    give_up = time.monotonic() + _UP_SECONDS
    while not (state / "env").exists():
        if process.poll() is not None or time.monotonic() > give_up:
            typer.echo(log.read_text(encoding="utf-8", errors="replace").strip(), err=True)
            if process.poll() is None:
                process.terminate()
            raise typer.Exit(1)
        time.sleep(0.05)
    typer.echo(log.read_text(encoding="utf-8", errors="replace").strip())


def _ready_text(state: Path) -> str:
    return f"Ready. Settings for a shell or another host: {state / 'env'}; logs: {state / 'logs'}"
