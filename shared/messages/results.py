"""The outcomes that the app announces on queue `results`."""

from datetime import datetime
from enum import StrEnum

from pydantic import (
    BaseModel,
    ConfigDict,
)


class Outcome(StrEnum):
    """How a message ended."""

    INGESTED = "ingested"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELED = "canceled"
    DELETED = "deleted"
    APPLIED = "applied"
    REJECTED = "rejected"


class Result(BaseModel):
    """A message of queue `results`: the outcome of one message."""

    model_config = ConfigDict(frozen=True)

    collection: str | None
    id: str | None
    outcome: Outcome
    operation_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    correlation_id: str | None = None
    submitted_at: datetime | None = None
    finished_at: datetime
