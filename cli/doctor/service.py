"""Checks the GeoCatalog and its ingestion sources, by calls that change nothing."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from cli.doctor.findings import Finding, fault, ok, warning
from cli.rows.sources import read_sources
from shared.clients import Clients
from shared.errors import ErrorCode, IngestionError


def check_geocatalog(app: Clients) -> Iterator[Finding]:
    """Looks whether GeoCatalog answers, takes the token, and grants reading and managing."""
    calls: dict[str, Callable[[], object]] = {
        "may be read": lambda: app.geocatalog.search({"limit": 1}),
        "ingestion may be managed": lambda: next(app.geocatalog.operations(max_pages=1), None),
        "ingestion sources may be managed": lambda: next(app.geocatalog.sources(), None),
    }
    for what, call in calls.items():
        try:
            call()
        except IngestionError as error:
            yield fault("geocatalog", error.message, _REMEDIES.get(str(error.code), _CHECK_URL))
            return
        yield ok("geocatalog", what)


_CHECK_URL = "Check GEOCATALOG_URL and the network; locally, start the stack with `geocatalog local up`."
_REMEDIES = {
    ErrorCode.UNAUTHENTICATED.value: "Sign in (az login), and check GEOCATALOG_SCOPE and AZURE_CLIENT_ID.",
    ErrorCode.FORBIDDEN.value: (
        "Give this login GeoCatalog Administrator on the GeoCatalog; it takes minutes to act (--wait waits)."
    ),
}


def check_sources(app: Clients) -> Iterator[Finding]:
    """Looks at each ingestion source: in place, and for how long."""
    sources = read_sources(app)
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
            yield warning("sources", shown, "Mend what the message names; the app tries again every five minutes.")
        else:
            yield ok("sources", shown)
