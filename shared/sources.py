"""Keeps every wanted ingestion source alive: creates what is missing, replaces a SAS in place before it ends.

A source is never deleted, so there is no moment without one. A better token is always taken, a worse one never.
"""

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from azure.core.exceptions import AzureError

from shared.blob_urls import parse_blob_url
from shared.clients import Clients
from shared.clock import parse_timestamp
from shared.errors import ErrorCode, Held, IngestionError, SettingsError, Unavailable
from shared.geocatalog import Refusal
from shared.json_codec import write_json
from shared.planetary_computer import SasToken
from shared.redact import redact
from shared.resume import resume_held
from shared.sas_issuers import issue_sas
from shared.source_specs import SourceSpec, parse_sources
from shared.source_store import source_key

log = logging.getLogger(__name__)

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_MAX_SOURCES_BYTES = 1024 * 1024


def renew_sources(app: Clients) -> int:
    """Brings every wanted source to life or keeps it alive.

    Args:
        app: the clients.

    Returns:
        How many were created or replaced.

    Raises:
        SettingsError: INGESTION_SOURCES is malformed; sources of the table are still looked after.
        azure.core.exceptions.AzureError: the table could not be read.
    """
    fault: SettingsError | None = None
    try:
        wanted = {spec.container_url: spec for spec in _from_settings(app)}
    except SettingsError as error:
        wanted, fault = {}, error
    for row in app.sources.rows():
        if row.get("spec") and str(row["container_url"]) not in wanted:
            wanted[str(row["container_url"])] = parse_source_row(row)
    renewed = sum(keep_alive(spec, app) for spec in wanted.values())
    if fault:
        raise fault
    return renewed


def want_source(spec: SourceSpec, app: Clients) -> None:
    """Adds a source to those that are kept alive, without a deployment."""
    text = write_json(spec.model_dump(mode="json", exclude_none=True)).decode()
    app.sources.merge(source_key(spec.url), {"container_url": spec.container_url, "spec": text})


def parse_source_row(row: Mapping[str, Any]) -> SourceSpec:
    """Reads the wanted source of a row of table `sources`."""
    return SourceSpec.model_validate_json(str(row["spec"]))


def keep_alive(spec: SourceSpec, app: Clients) -> bool:
    """Looks after one source and records how it stands; its faults do not touch the others.

    Returns:
        Whether it was created or replaced.
    """
    key = source_key(spec.url)
    try:
        row = app.sources.get(key) or {}
        changes = _managed_identity(spec, row, app) if spec.managed_identity else _sas(spec, row, app)
    except (IngestionError, AzureError) as error:
        code = getattr(error, "code", None) or ErrorCode.UNAVAILABLE
        message = getattr(error, "message", None) or type(error).__name__
        log.warning("Ingestion source %s: %s %s", spec.container_url, code, redact(str(message)))
        _record(
            key, spec, app, {"error_code": str(code), "error_message": redact(str(message)), "checked_at": app.now()}
        )
        return False
    renewed = "renewed_at" in changes
    _record(key, spec, app, {"error_code": "", "error_message": "", "checked_at": app.now(), **changes})
    if renewed:
        log.info("Ingestion source %s is in place", spec.container_url)
        resume_held(app)
    return renewed


def renewal_margin(life: timedelta, wanted: timedelta) -> timedelta:
    """Tells how long before its end a token is replaced: a fifth of its life or what is wanted, at most half of it."""
    return min(max(wanted, life / 5), life / 2)


def _from_settings(app: Clients) -> list[SourceSpec]:
    text = app.settings.ingestion_sources.strip()
    if not text.startswith("["):
        try:
            text = app.hrefs.read_own(text, limit=_MAX_SOURCES_BYTES).decode()
        except (IngestionError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"INGESTION_SOURCES is neither a JSON list nor the URL of a blob of the ingestion storage ({error})."
            ) from None
    return parse_sources(text)


def _sas(spec: SourceSpec, row: Mapping[str, Any], app: Clients) -> dict[str, Any]:
    live = _live_source(row, app)
    live_expiry = _expiry(live)
    now = app.now()
    started = row.get("token_start") or row.get("renewed_at")
    if live and live_expiry and started:
        margin = renewal_margin(live_expiry - _plain(started), app.settings.sas_renewal_margin)
        if live_expiry - now > margin:
            return {"expires_at": live_expiry, "source_id": str(live["id"])}
    token = issue_sas(spec, planetary_computer=app.planetary_computer, credential=app.credential, now=now)
    _check_token(token, live_expiry, now)
    body = {
        "kind": "SasToken",
        "connectionInfo": {"containerUrl": spec.container_url, "sasToken": token.token.removeprefix("?")},
    }
    source = _put_or_post(live, row, body, app)
    start = _token_start(token) or now
    return {
        "kind": "SasToken",
        "source_id": source,
        "expires_at": token.expires,
        "token_start": start,
        "renewed_at": now,
    }


def _managed_identity(spec: SourceSpec, row: Mapping[str, Any], app: Clients) -> dict[str, Any]:
    identity = spec.managed_identity
    if identity is None:
        raise ValueError("the source has no managed identity")
    live = _live_source(row, app)
    if live and live.get("connectionInfo", {}).get("objectId") == identity.object_id:
        return {"source_id": str(live["id"])}
    attached = {str(found.get("objectId")) for found in app.geocatalog.managed_identities()}
    if identity.object_id not in attached:
        raise Held(
            f"Identity {identity.object_id} is not attached to the GeoCatalog: attach it (az planetarycomputer "
            f"geocatalog identity assign) and give it Storage Blob Data Reader on {spec.container_url}.",
            code="ManagedIdentityInfoNotFound",
        )
    body = {
        "kind": "BlobManagedIdentity",
        "connectionInfo": {"containerUrl": spec.container_url, "objectId": identity.object_id},
    }
    source = _put_or_post(live, row, body, app)
    return {"kind": "BlobManagedIdentity", "source_id": source, "renewed_at": app.now()}


def _live_source(row: Mapping[str, Any], app: Clients) -> dict[str, Any] | None:
    source_id = row.get("source_id")
    return app.geocatalog.get_source(str(source_id)) if source_id else None


def _expiry(source: Mapping[str, Any] | None) -> datetime | None:
    text = (source or {}).get("connectionInfo", {}).get("expiration")
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None


def _token_start(token: SasToken) -> datetime | None:
    text = parse_qs(token.token).get("st", [""])[0]
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None


def _check_token(token: SasToken, live_expiry: datetime | None, now: datetime) -> None:
    start = _token_start(token)
    if token.expires <= now:
        raise Unavailable(f"The issuer gave a SAS that ended at {token.expires.isoformat()}; it was not used.")
    if start and start > now:
        raise Unavailable(f"The issuer gave a SAS that begins only at {start.isoformat()}; it was not used.")
    if live_expiry and token.expires <= live_expiry:
        raise Unavailable(f"The issuer gave a SAS that ends no later than the one in place; {live_expiry.isoformat()}.")


def _put_or_post(live: Mapping[str, Any] | None, row: Mapping[str, Any], body: dict[str, Any], app: Clients) -> str:
    """Replaces the source in place, or creates it; where its container has one already, replaces that one."""
    source_id = str(live["id"]) if live else row.get("source_id")
    if source_id and app.geocatalog.put_source(str(source_id), {"id": source_id, **body}):
        return str(source_id)
    made = app.geocatalog.post_source(body)
    if not isinstance(made, Refusal):
        return str(made["id"])
    found = _GUID.search(made.message)
    existing = found.group(0) if found else _find_source(body["connectionInfo"]["containerUrl"], app)
    if existing and app.geocatalog.put_source(existing, {"id": existing, **body}):
        return existing
    raise Unavailable(f"GeoCatalog says the container has a source ({made.code}) and then does not know it.")


def _find_source(container_url: str, app: Clients) -> str | None:
    wanted = parse_blob_url(container_url)
    for page in app.geocatalog.sources():
        for summary in page:
            source = app.geocatalog.get_source(str(summary.get("id"))) or {}
            if parse_blob_url(str(source.get("connectionInfo", {}).get("containerUrl"))) == wanted:
                return str(source["id"])
    return None


def _record(key: str, spec: SourceSpec, app: Clients, columns: dict[str, Any]) -> None:
    app.sources.merge(key, {"container_url": spec.container_url, **columns})


def _plain(moment: datetime) -> datetime:
    return datetime.fromisoformat(moment.isoformat())
