"""Reads the ingestion sources: those that the app keeps alive, and those that others made in GeoCatalog."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cli.output.printing import in_words
from shared.basics.clock import parse_timestamp, utc_now
from shared.clients import Clients
from shared.sources.renewal import all_sources
from shared.sources.specs import SourceKind


@dataclass(frozen=True)
class SourceState:
    """One ingestion source.

    Attributes:
        container_url: the container it opens.
        kind: `SasToken` or `BlobManagedIdentity`; empty until it is in place.
        source_id: its id in GeoCatalog; empty until it is in place.
        expires_at: when its SAS ends; None for one without an end.
        renewed_at: when it was last put in place.
        checked_at: when the app last looked after it.
        error_code: the last fault's code.
        error_message: the last fault in a sentence.
    """

    container_url: str
    kind: str
    source_id: str
    expires_at: dt.datetime | None
    renewed_at: dt.datetime | None
    checked_at: dt.datetime | None
    error_code: str
    error_message: str

    def in_words(self, now: dt.datetime) -> str:
        """Says how it stands, for people."""
        if not self.source_id:
            state = "not in place yet"
        elif self.expires_at is None:
            state = "no end"
        elif self.expires_at <= now:
            state = f"LAPSED {in_words(now - self.expires_at)} ago"
        else:
            state = f"{in_words(self.expires_at - now)} left"
        return f"{state} — {self.error_code}: {self.error_message}" if self.error_code else state

    def fields(self) -> dict[str, Any]:
        """Returns it as JSON types, with the seconds it has left."""
        left = int((self.expires_at - utc_now()).total_seconds()) if self.expires_at else None
        return {**asdict(self), "seconds_left": left}


def read_sources(app: Clients) -> list[SourceState]:
    """Reads every source that the app keeps alive.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    rows = sorted(app.sources.rows(), key=lambda row: str(row.get("container_url")))
    return [_managed(row) for row in rows]


def _managed(row: Mapping[str, Any]) -> SourceState:
    # What an earlier SAS left in the row says nothing of an identity, or of a source that is gone.
    has_end = row.get("source_id") and row.get("kind") != SourceKind.MANAGED_IDENTITY
    return SourceState(
        container_url=str(row.get("container_url") or ""),
        kind=str(row.get("kind") or ""),
        source_id=str(row.get("source_id") or ""),
        expires_at=row.get("expires_at") if has_end else None,
        renewed_at=row.get("renewed_at"),
        checked_at=row.get("checked_at"),
        error_code=str(row.get("error_code") or ""),
        error_message=str(row.get("error_message") or ""),
    )


def read_unmanaged(app: Clients, managed: list[SourceState]) -> list[SourceState]:
    """Reads the sources that GeoCatalog has and the app does not keep alive.

    Args:
        app: the clients.
        managed: the sources that it does keep alive.

    Raises:
        shared.basics.errors.IngestionError: GeoCatalog could not be reached or refused.
    """
    ours = {source.source_id for source in managed}
    others = [_unmanaged(source) for source in all_sources(app.geocatalog) if source.get("id") not in ours]
    return sorted(others, key=lambda source: source.container_url)


def _unmanaged(source: Mapping[str, Any]) -> SourceState:
    connection = source.get("connectionInfo") or {}
    expiration = connection.get("expiration")
    return SourceState(
        container_url=str(connection.get("containerUrl") or ""),
        kind=str(source.get("kind") or ""),
        source_id=str(source.get("id") or ""),
        expires_at=parse_timestamp(expiration) if expiration else None,
        renewed_at=None,
        checked_at=None,
        error_code="",
        error_message="",
    )
