"""Checks the GeoCatalog and its ingestion sources, by calls that change nothing."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from cli.doctor.findings import Finding, fault, ok, warning
from cli.feeds.feed_states import read_feeds
from cli.sources.source_states import read_sources
from shared.basics.errors import ErrorCode, IngestionError
from shared.clients import Clients


def check_geocatalog(app: Clients) -> Iterator[Finding]:
    """Looks whether GeoCatalog answers, takes the token, and lets items, operations and sources be read."""
    calls: dict[str, Callable[[], object]] = {
        "items": lambda: app.geocatalog.search({"limit": 1}),
        "operations": lambda: next(app.geocatalog.operations(max_pages=1), None),
        "ingestion sources": lambda: next(app.geocatalog.sources(), None),
    }
    for what, call in calls.items():
        try:
            call()
        except IngestionError as error:
            finding = fault
            if what != "items" and error.code == ErrorCode.FORBIDDEN:
                finding = warning  # what the app alone must be able to do; a reader's login does without
            yield finding("geocatalog", error.message, _REMEDIES.get(str(error.code), _CHECK_URL))
            if finding is fault:
                return
        else:
            yield ok("geocatalog", f"{what} may be read")


_CHECK_URL = "Check GEOCATALOG_URL and the network; locally, start the stack with `geocatalog local up`."
_REMEDIES = {
    ErrorCode.UNAUTHENTICATED.value: "Sign in (az login), and check GEOCATALOG_SCOPE and AZURE_CLIENT_ID.",
    ErrorCode.FORBIDDEN.value: (
        "Give this login GeoCatalog Reader on the GeoCatalog (the app: GeoCatalog Administrator); it takes minutes to "
        "act (--wait waits)."
    ),
}


def check_sources(app: Clients) -> Iterator[Finding]:
    """Looks at each ingestion source: in place, and for how long."""
    sources = read_sources(app)
    for entry in app.sources.faults():
        yield fault(
            "sources", f"INGESTION_SOURCES: {entry}", "Fix the list; the app reads it again every five minutes."
        )
    if not sources:
        yield warning(
            "sources",
            "there is none",
            "Add one for each private container with `geocatalog sources add`; public containers need none.",
        )
    for source in sources:
        shown = f"{source.container_url}: {source.in_words(app.now())}"
        if source.expires_at and source.expires_at - app.now() <= timedelta(0):
            yield fault("sources", shown, "Is the app running? It renews sources every five minutes.")
        elif source.error_code or not source.source_id:
            yield warning("sources", shown, "Fix what the message names; the app tries again every five minutes.")
        else:
            yield ok("sources", shown)


def check_feeds(app: Clients) -> Iterator[Finding]:
    """Look at each feed: whether it is read, and how its last turn ended."""
    for entry in app.feeds.faults():
        yield fault("feeds", f"FEEDS: {entry}", "Fix the list; the app reads it again at its next run.")
    for state in read_feeds(app):
        now = app.now()
        shown = f"{state.row.name}: {state.in_words(now)}"
        if state.row.paused_by == "app" or state.is_late(now):
            yield fault(
                "feeds", shown, f"See `geocatalog feeds show {state.row.name}`, and docs/runbook.md, Feed unread."
            )
        elif state.is_at_fault:
            yield warning("feeds", shown, "Fix what the message names; each run of the app tries again.")
        else:
            yield ok("feeds", shown)
