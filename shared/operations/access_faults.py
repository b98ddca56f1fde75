"""Says why GeoCatalog could not read an asset: which container, which ingestion source it has, and when that ends."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.basics.blob_urls import BlobUrl, parse_blob_url
from shared.basics.clock import format_timestamp
from shared.basics.redact import redact
from shared.clients import Clients
from shared.records.source_store import SourceStore, source_key
from shared.records.status_rows import ItemRow
from shared.services.operation_states import OperationOutcome
from shared.sources.signed_hrefs import explain_ended, is_covering, signed_hrefs
from shared.sources.specs import SourceKind

_URL = re.compile(r"https?://[^\s'\"<>]+", re.IGNORECASE)
# What can stand behind a URL at the end of a sentence.
_PUNCTUATION = ".,;:!?…)"


def explain_access(found: OperationOutcome, item: ItemRow, app: Clients) -> OperationOutcome:
    """Puts before the service's words which container is closed and how its source stands.

    Args:
        found: how the operation failed.
        item: the item's row.
        app: the clients.

    Returns:
        The same outcome with a longer message; as it was where no container is named anywhere.
    """
    document = _document(item)
    sentences = [_sentence(url, document, app) for url in closed_containers(found.message, item)]
    return replace(found, message=redact(" ".join([*sentences, found.message or ""]).strip()))


def was_opened_since(message: str | None, item: ItemRow, moment: datetime | None, sources: SourceStore) -> bool:
    """Tells whether a closed container's source was created or renewed after a moment.

    Args:
        message: the service's words.
        item: the item's row.
        moment: when GeoCatalog took the item.
        sources: table of ingestion sources.
    """
    rows = [sources.get(source_key(url)) for url in closed_containers(message, item)]
    renewals = [row["renewed_at"] for row in rows if row and row.get("renewed_at")]
    return moment is not None and any(renewed_at > moment for renewed_at in renewals)


def closed_containers(message: str | None, item: ItemRow) -> list[BlobUrl]:
    """Returns the container that the service's words name, or else those that the item's assets lie in."""
    named = [url for text in _URL.findall(message or "") if (url := parse_blob_url(text.rstrip(_PUNCTUATION)))]
    return _containers(named[:1]) if named else _containers(asset_urls(item))


def asset_urls(item: ItemRow) -> list[BlobUrl]:
    """Returns the blob URLs of an item's assets, from the message that its row keeps; empty where it keeps none."""
    assets = _document(item).get("assets")
    hrefs = [asset.get("href") for asset in assets.values() if isinstance(asset, dict)] if assets else []
    return [url for href in hrefs if isinstance(href, str) and (url := parse_blob_url(href))]


def _document(item: ItemRow) -> dict[str, Any]:
    """Return the STAC Item from the message that a row keeps; empty where it keeps none, or only a URL."""
    if not item.message:
        return {}
    document = item.envelope().fields.get("item")
    return document if isinstance(document, dict) else {}


def _containers(urls: list[BlobUrl]) -> list[BlobUrl]:
    return list(dict.fromkeys(replace(url, blob="") for url in urls))


def _sentence(url: BlobUrl, document: Mapping[str, Any], app: Clients) -> str:
    row, now = app.sources.get(source_key(url)), app.now()
    # Where a source serves instead, the signature was not sent.
    if not is_covering(row, app.settings.sas_renewal_margin, now):
        ended = [signed for signed in signed_hrefs(document) if signed.container == url and signed.has_ended(now)]
        if ended:
            return f"{explain_ended(ended)} Sign it anew, or leave the signature out; it is no fault of the source."
    return _source_sentence(url, row, now)


def _source_sentence(url: BlobUrl, row: Mapping[str, Any] | None, now: datetime) -> str:
    container = f"Container {url.container_url}"
    if row is None:
        return f"{container} has no ingestion source of this app; add one with geocatalog sources add."
    fault = f" Its last renewal failed: {row['error_message']}" if row.get("error_message") else ""
    if not row.get("source_id"):
        return f"{container} has no ingestion source yet.{fault}"
    source = f"{container} has ingestion source {row['source_id']} ({row.get('kind')})"
    if row.get("kind") == SourceKind.MANAGED_IDENTITY:
        return f"{source}, which does not end: its identity needs Storage Blob Data Reader on the container.{fault}"
    expiry = row.get("expires_at")
    if expiry is None:
        return f"{source}, whose SAS names no end.{fault}"
    if expiry <= now:
        return f"{source}, whose SAS ended at {format_timestamp(expiry)}.{fault}"
    return f"{source}, whose SAS ends at {format_timestamp(expiry)}: it must grant read and list.{fault}"
