"""Reads the ingestion sources that the app keeps alive, and how long each lasts."""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from cli.output import in_words
from shared.clients import Clients
from shared.clock import utc_now


@dataclass(frozen=True)
class SourceState:
    """One ingestion source.

    Attributes:
        container_url: the container it opens.
        kind: `SasToken` or `BlobManagedIdentity`; empty until it is in place.
        source_id: its id in GeoCatalog; empty until it is in place.
        expires_at: when its SAS ends; None for one without an end.
        renewed_at: when it was last put in place.
        error_code: the last fault's code.
        error_message: the last fault in a sentence.
    """

    container_url: str
    kind: str
    source_id: str
    expires_at: dt.datetime | None
    renewed_at: dt.datetime | None
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
    """Reads every source.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    rows = sorted(app.sources.rows(), key=lambda row: str(row.get("container_url")))
    return [
        SourceState(
            container_url=str(row.get("container_url") or ""),
            kind=str(row.get("kind") or ""),
            source_id=str(row.get("source_id") or ""),
            expires_at=row.get("expires_at"),
            renewed_at=row.get("renewed_at"),
            error_code=str(row.get("error_code") or ""),
            error_message=str(row.get("error_message") or ""),
        )
        for row in rows
    ]
