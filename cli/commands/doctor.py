"""`geocatalog doctor` and `explain`: what is wrong, and what to do."""

from typing import Annotated, Literal

import typer

from cli.commands.options import JsonOption, TimeoutOption

# Roles take up to ten minutes to act.
_ROLE_SECONDS = 900.0


def doctor(
    *,
    login: Annotated[
        Literal["operator", "producer"],
        typer.Option("--for", help="Who this login is, and so what it has to be able to do."),
    ] = "operator",
    wait: Annotated[
        bool, typer.Option("--wait", help="Check again until no fault is left, as roles act late.")
    ] = False,
    timeout: TimeoutOption = _ROLE_SECONDS,
    as_json: JsonOption = False,
) -> None:
    """Check settings, login, roles, queues, tables, containers, sources, clock and versions.

    Changes nothing: roles are tried by calls that are refused for another reason where the role is there. Says what to
    do for each fault.

    Example: geocatalog doctor --wait

    Example: geocatalog doctor --for producer
    """
    from cli.doctor.command import run  # noqa: PLC0415 - slow to import
    from cli.doctor.logins import Login  # noqa: PLC0415

    run(Login(login), waits=wait, seconds=timeout, as_json=as_json)


def explain(
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="Default: all.", show_default=False)] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say what an error code means and what to do about it.

    Example: geocatalog explain IngestionResourceForbidden
    """
    from cli.doctor.explaining import run  # noqa: PLC0415 - keeps the start quick

    run(code, as_json=as_json)
