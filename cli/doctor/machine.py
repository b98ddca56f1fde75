"""Checks this machine: versions, settings and clock."""

import sys
from collections.abc import Iterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version

import requests

from cli.doctor.findings import Finding, fault, ok, warning
from cli.doctor.logins import Login
from cli.output.printing import in_words
from cli.settings.connection import has_geocatalog, has_storage, settings_environment
from shared.basics.clock import utc_now
from shared.basics.errors import SettingsError
from shared.http.sessions import plain_session
from shared.settings import Settings, read_settings

_PACKAGES = ("azure-functions", "azure-identity", "azure-storage-queue", "azure-data-tables", "pystac")
_OLDEST, _NEWEST = (3, 11), (3, 13)
_API_VERSIONS = frozenset({"2026-04-15", "2025-04-30-preview"})
# A SAS and a token begin some minutes in the past, so a clock that is further off makes them invalid
# (learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas: start 15 minutes in the past).
_CLOCK_WARNING, _CLOCK_FAULT = timedelta(seconds=30), timedelta(minutes=5)


def check_versions() -> Iterator[Finding]:
    """Looks at the versions of Python and of the packages that the app uses."""
    running = sys.version_info[:2]
    shown = f"Python {sys.version.split()[0]}"
    if _OLDEST <= running <= _NEWEST:
        yield ok("versions", shown)
    else:
        yield fault("versions", shown, "Use Python 3.11, 3.12 or 3.13.")
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield fault("versions", f"{name} is not installed", "Install the project's requirements.")
    yield ok("versions", ", ".join(found))


def check_settings(login: Login) -> tuple[Settings | None, list[Finding]]:
    """Looks at the settings.

    Args:
        login: who uses the command; a producer needs no GeoCatalog.

    Returns:
        The settings, where they can be read; and the findings.
    """
    findings = []
    try:
        settings = read_settings(settings_environment(needs_geocatalog=login is Login.OPERATOR))
    except SettingsError as error:
        hint = "Start the local stack with `geocatalog local up`, or set them as docs/settings.md says."
        if not has_geocatalog() and not has_storage():
            return None, [fault("settings", "Neither GEOCATALOG_URL nor INGEST_STORAGE is set", hint)]
        return None, [fault("settings", error.message, "Fix what is named; docs/settings.md lists every setting.")]
    shown = f"GeoCatalog {settings.geocatalog_url}" if has_geocatalog() else "the ingestion storage alone"
    findings.append(ok("settings", shown))
    if settings.geocatalog_api_version not in _API_VERSIONS:
        findings.append(
            warning(
                "settings",
                f"GEOCATALOG_API_VERSION {settings.geocatalog_api_version} is not one the app was tested with",
                f"Use one of {', '.join(sorted(_API_VERSIONS, reverse=True))}.",
            )
        )
    return settings, findings


def check_clock(url: str, what: str) -> Iterator[Finding]:
    """Compares this machine's clock with a server's.

    Args:
        url: any URL of the server; it need not grant anything.
        what: what the server is, for people.
    """
    try:
        with plain_session() as session:
            response = session.get(url, timeout=(5, 10), allow_redirects=False)
    except requests.RequestException:
        return  # that it does not answer is told by the check of the service itself
    try:
        told = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return  # what stands between may tell no time, or none that can be read
    skew = utc_now() - (told if told.tzinfo else told.replace(tzinfo=UTC))
    shown = f"this machine's clock is {in_words(skew)} {'ahead of' if skew > timedelta(0) else 'behind'} {what}"
    if abs(skew) >= _CLOCK_FAULT:
        yield fault("clock", shown, "Set the clock (NTP): tokens and SAS are not valid otherwise.")
    elif abs(skew) >= _CLOCK_WARNING:
        yield warning("clock", shown, "Set the clock (NTP) before it is off by minutes.")
    else:
        yield ok("clock", f"agrees with {what}")
