"""`geocatalog doctor`: every check, and what to do for each fault."""

import time
from collections.abc import Iterator
from typing import Annotated, Literal

import typer
from azure.core.exceptions import AzureError

from cli.doctor.findings import Finding, Verdict, fault
from cli.doctor.logins import Login
from cli.doctor.machine import check_clock, check_settings, check_versions
from cli.doctor.service import check_feeds, check_geocatalog, check_sources
from cli.doctor.storage import check_storage, check_work, storage_host
from cli.doctor.timers import check_timers
from cli.options.common import JsonOption, TimeoutOption
from cli.output.faults import ExitCode, sentence_of
from cli.output.printing import note, say, write_json
from cli.output.waiting import wait_for
from cli.settings.connection import connect, has_geocatalog, has_storage
from shared.basics.errors import IngestionError
from shared.clients import Clients

_SIGNS = {Verdict.OK: "ok     ", Verdict.WARNING: "warning", Verdict.FAULT: "FAULT  "}
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
    who = Login(login)
    started = time.monotonic()
    findings = list(_check(who))
    if wait and _faults(findings):
        if not as_json:
            for finding in _faults(findings):
                note(f"Waiting: {finding.check}: {finding.detail}. {finding.remedy}")
        left = timeout - time.monotonic() + started
        again = wait_for(lambda: _healthy(who), what="the set-up to be as it should", seconds=left)
        findings = again or list(_check(who))
    if as_json:
        write_json({"healthy": not _faults(findings), "findings": [vars(finding) for finding in findings]})
    else:
        for finding in findings:
            say(f"{_SIGNS[finding.verdict]}  {finding.check}: {finding.detail}")
            if finding.remedy:
                say(f"         What to do: {finding.remedy}")
    if _faults(findings):
        raise typer.Exit(ExitCode.FAILED)


def _faults(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.verdict is Verdict.FAULT]


def _healthy(login: Login) -> list[Finding] | None:
    findings = list(_check(login))
    return None if _faults(findings) else findings


def _check(login: Login) -> Iterator[Finding]:
    yield from check_versions()
    settings, findings = check_settings(login)
    yield from findings
    if settings is None and not has_geocatalog() and not has_storage():
        return
    try:
        app = connect(needs_geocatalog=False, needs_storage=False)
    except IngestionError:
        return  # told by the check of the settings
    if has_storage():
        yield from check_clock(storage_host(app), "the ingestion storage")
        yield from check_storage(app, login)
        if login is Login.OPERATOR:
            yield from _check_ingestion(app)
    if has_geocatalog() and login is Login.OPERATOR:
        yield from check_clock(app.settings.geocatalog_url, "GeoCatalog")
        yield from check_geocatalog(app)


def _check_ingestion(app: Clients) -> Iterator[Finding]:
    try:
        yield from check_timers(app)
        yield from check_work(app)
        yield from check_sources(app)
        yield from check_feeds(app)
    except AzureError as error:
        yield fault("work", sentence_of(error) or type(error).__name__, "Fix the faults of the storage first.")
