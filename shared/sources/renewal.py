"""Keeps every wanted ingestion source alive: creates what is missing, replaces a SAS in place before it ends.

A source is never deleted, so there is no moment without one. A better token is always taken, a worse one never.
"""

import logging
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import AzureError

from shared.basics.blob_urls import parse_blob_url
from shared.basics.clock import parse_timestamp
from shared.basics.errors import ErrorCode, Held, IngestionError, Unavailable
from shared.basics.parallel import run_all
from shared.basics.redact import redact
from shared.clients import Clients
from shared.records.source_store import source_key
from shared.services.answers import Refusal
from shared.services.geocatalog import GeoCatalog
from shared.sources.margin import renewal_margin
from shared.sources.sas_checks import check_sas
from shared.sources.sas_issuers import issue_sas
from shared.sources.specs import Issuer, SourceKind, SourceSpec

log = logging.getLogger(__name__)

# An issuer that hangs takes a minute and a half for its three tries; with that, and the minute for held items, a run
# stays within functionTimeout (5 minutes).
RENEWAL_BUDGET = timedelta(minutes=2)

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def keep_all_alive(specs: Iterable[SourceSpec], app: Clients, budget: timedelta) -> int:
    """Bring wanted sources to life or keep them alive, as far as the time allows; the next run begins with the rest.

    Args:
        specs: the sources.
        app: the clients.
        budget: after how long no more is begun.

    Returns:
        How many were created or replaced.

    Raises:
        azure.core.exceptions.AzureError: the table could not be read or written.
    """
    checked = {str(row["RowKey"]): row.get("checked_at") for row in app.sources.rows()}
    never = datetime.min.replace(tzinfo=UTC)
    in_turn = sorted(specs, key=lambda spec: checked.get(source_key(spec.url)) or never)
    end = time.monotonic() + budget.total_seconds()
    left: list[str] = []

    def look_after(spec: SourceSpec) -> bool:
        if time.monotonic() > end:
            left.append(spec.container_url)
            return False
        return keep_alive(spec, app)

    # Many at once, so that an issuer that hangs holds up its own source only.
    renewed = sum(run_all(look_after, in_turn))
    if left:
        log.warning("%s ingestion sources are left for the next run, since this one took too long.", len(left))
    return renewed


def keep_alive(spec: SourceSpec, app: Clients) -> bool:
    """Looks after one wanted source and records how it stands; its faults do not touch the others.

    Returns:
        Whether it is another than at the last look: created or replaced, by the app or by someone else.

    Raises:
        azure.core.exceptions.AzureError: its row could not be read or written.
    """
    key = source_key(spec.url)
    row = app.sources.get(key)
    if row is None:
        return False  # no longer wanted
    columns: dict[str, Any] = {"error_code": "", "error_message": ""}
    try:
        live = _live_source(spec, row, app.geocatalog)
        columns |= _standing(live)
        made = _KEEPERS[spec.kind](spec, live, row, app)
        columns |= _standing(made) if made else {}
    except (IngestionError, AzureError) as error:
        code, message = getattr(error, "code", None), redact(getattr(error, "message", None) or type(error).__name__)
        columns |= {"error_code": str(code or ErrorCode.UNAVAILABLE), "error_message": message}
        log.warning("Ingestion source %s: %s %s", spec.container_url, columns["error_code"], message)
    except Exception as error:  # one source's fault is written to its own row and keeps no other from its renewal
        message = f"Renewing the source failed unexpectedly ({type(error).__name__}: {redact(str(error))[:500]})."
        columns |= {"error_code": ErrorCode.UNEXPECTED.value, "error_message": message}
        log.exception("Ingestion source %s: renewing it failed unexpectedly", spec.container_url)
    now = app.now()
    is_new = _is_new(columns, row)
    if is_new:
        columns |= {"renewed_at": now, "is_resumed": False}
    if not app.sources.update(key, {**columns, "checked_at": now}):
        log.info("Container %s was taken off the sources meanwhile", spec.container_url)
        return False
    if is_new:
        log.info("Ingestion source %s is in place", spec.container_url)
    return is_new


# How a source stands in GeoCatalog


def _live_source(spec: SourceSpec, row: Mapping[str, Any], geocatalog: GeoCatalog) -> dict[str, Any] | None:
    """Reads the source that was last seen to be that of the container; None where it no longer is."""
    source_id = row.get("source_id")
    found = geocatalog.get_source(str(source_id)) if source_id else None
    return found if found and _is_of(found, spec) else None


def _is_of(source: Mapping[str, Any], spec: SourceSpec) -> bool:
    return parse_blob_url(str(_connection(source).get("containerUrl"))) == spec.url


def _connection(source: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found = (source or {}).get("connectionInfo")
    return found if isinstance(found, Mapping) else {}


def _expiry(source: Mapping[str, Any] | None) -> datetime | None:
    text = _connection(source).get("expiration")
    try:
        return parse_timestamp(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _standing(source: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the columns that say how a source stands; a column that is None keeps what it holds."""
    if source is None:
        return {"source_id": ""}
    kind = str(source.get("kind") or "")
    return {"source_id": str(source.get("id") or ""), "kind": kind, "expires_at": _expiry(source)}


def _is_new(columns: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    if not columns.get("source_id"):
        return False
    expiry, before = columns["expires_at"], row.get("expires_at")
    return (
        columns["source_id"] != row.get("source_id")
        or columns["kind"] != row.get("kind")
        or (expiry is not None and (before is None or expiry != before))
    )


# How each kind is kept alive


def _keep_sas(
    spec: SourceSpec, live: Mapping[str, Any] | None, row: Mapping[str, Any], app: Clients
) -> dict[str, Any] | None:
    live_expiry = _expiry(live)
    is_due = _is_due(live_expiry, row, app)
    if not is_due and not _has_newer(spec, live_expiry, app):
        return None
    token = issue_sas(spec, app)
    now_live = _live_source(spec, row, app.geocatalog)
    if now_live and _expiry(now_live) != live_expiry:
        return now_live  # another run was quicker
    check_sas(token, spec, live_expiry=live_expiry, now=app.now())
    body = {
        "kind": SourceKind.SAS_TOKEN.value,
        "connectionInfo": {"containerUrl": spec.container_url, "sasToken": token.token},
    }
    made = _put_or_post(spec, now_live, body, token.expires, app)
    # The service tells the expiry again; where it does not, it is known anyway.
    return made if _expiry(made) else _with_expiry(made, token.expires)


def _is_due(live_expiry: datetime | None, row: Mapping[str, Any], app: Clients) -> bool:
    if live_expiry is None:
        return True
    # A token's life is counted from when it was first seen in place: issuers date the start back, some by a day.
    is_known = live_expiry == row.get("expires_at") and row.get("renewed_at")
    since = row["renewed_at"] if is_known else app.now()
    return live_expiry - app.now() <= renewal_margin(live_expiry - since, app.settings.sas_renewal_margin)


def _has_newer(spec: SourceSpec, live_expiry: datetime | None, app: Clients) -> bool:
    """Looks whether a setting holds a SAS that ends later; other issuers are only asked when it is time."""
    if spec.sas is None or spec.sas.issuer is not Issuer.SETTING:
        return False
    return live_expiry is None or issue_sas(spec, app).expires > live_expiry


def _with_expiry(source: dict[str, Any], expiry: datetime) -> dict[str, Any]:
    return {**source, "connectionInfo": {**_connection(source), "expiration": expiry.isoformat()}}


def _keep_identity(
    spec: SourceSpec, live: Mapping[str, Any] | None, _row: Mapping[str, Any], app: Clients
) -> dict[str, Any] | None:
    identity = spec.managed_identity
    if identity is None:
        raise ValueError("the source has no managed identity")
    attached = {str(found.get("objectId")).casefold() for found in app.geocatalog.managed_identities()}
    if identity.object_id not in attached:
        raise Held(
            f"Identity {identity.object_id} is not attached to the GeoCatalog: attach it (az planetarycomputer "
            f"geocatalog identity assign) and give it Storage Blob Data Reader on {spec.container_url}.",
            code="ManagedIdentityInfoNotFound",
        )
    if live and _is_identity(live, identity.object_id):
        return None
    body = {
        "kind": SourceKind.MANAGED_IDENTITY.value,
        "connectionInfo": {"containerUrl": spec.container_url, "objectId": identity.object_id},
    }
    return _put_or_post(spec, live, body, None, app)


def _is_identity(source: Mapping[str, Any], object_id: str) -> bool:
    return str(_connection(source).get("objectId")).casefold() == object_id


_KEEPERS = {SourceKind.SAS_TOKEN: _keep_sas, SourceKind.MANAGED_IDENTITY: _keep_identity}


# Writing


def _put_or_post(
    spec: SourceSpec, live: Mapping[str, Any] | None, body: dict[str, Any], expiry: datetime | None, app: Clients
) -> dict[str, Any]:
    """Replaces the source in place, or creates it; where its container has one already, adopts that one.

    Args:
        spec: the source.
        live: it as GeoCatalog has it; None where it is not known.
        body: what GeoCatalog is to have.
        expiry: when the SAS of the body ends, for one with a SAS.
        app: the clients.

    Returns:
        The source as GeoCatalog has it now.
    """
    if live and (put := app.geocatalog.put_source(str(live["id"]), {"id": live["id"], **body})):
        return {"id": live["id"], "kind": body["kind"], **put}
    made = app.geocatalog.post_source(body)
    if not isinstance(made, Refusal):
        return made
    existing = _existing_source(spec, made, app)
    if existing and expiry and (_expiry(existing) or expiry) > expiry:
        return existing  # what someone else put there is better
    if existing and (put := app.geocatalog.put_source(str(existing["id"]), {"id": existing["id"], **body})):
        return {"id": existing["id"], "kind": body["kind"], **put}
    raise Unavailable(f"GeoCatalog says the container has a source ({made.code}) and then does not know it.")


def _existing_source(spec: SourceSpec, refusal: Refusal, app: Clients) -> dict[str, Any] | None:
    """Finds the source of a container: by the id that the refusal names at its end, or among all of them."""
    named = _GUID.findall(refusal.message)
    found = app.geocatalog.get_source(named[-1]) if named else None
    if found and _is_of(found, spec):
        return found
    return next((source for source in all_sources(app.geocatalog) if _is_of(source, spec)), None)


def all_sources(geocatalog: GeoCatalog) -> list[dict[str, Any]]:
    """Reads every ingestion source of the GeoCatalog, whoever made it; the list tells no more than ids."""
    ids = [str(summary.get("id")) for page in geocatalog.sources() for summary in page]
    return [source for source in run_all(geocatalog.get_source, ids) if source]
