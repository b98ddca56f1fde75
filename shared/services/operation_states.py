"""Reads the service's operations: whether one has ended, how, and with which error code."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.basics.errors import ErrorCode
from shared.basics.redact import redact


class OperationState(StrEnum):
    """How an operation stands, for the app."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"


# Top level says Succeeded where statusHistory says Finished; some clients met other spellings. Everything else, an
# unknown word too, is still open until its deadline: Canceling does not always end in Canceled.
_STATES = {
    "succeeded": OperationState.SUCCEEDED,
    "finished": OperationState.SUCCEEDED,
    "completed": OperationState.SUCCEEDED,
    "failed": OperationState.FAILED,
    "canceled": OperationState.CANCELED,
    "cancelled": OperationState.CANCELED,
}


class Remedy(StrEnum):
    """What a failed operation asks for."""

    RETRY = "retry"
    HOLD = "hold"
    EXISTS = "exists"
    ABSENT = "absent"
    FAIL = "fail"


# GeoCatalog could not read an asset for want of access: there is no ingestion source, or none that lets it in.
ACCESS_CODES = (
    "PublicAccessRestricted",
    "IngestionResourceForbidden",
    "IngestionAuthenticationFailed",
    "ManagedIdentityInfoNotFound",
    "RoleBasedAccessDeny",
)

# Every ingestion error code the service documents
# (learn.microsoft.com/azure/planetary-computer/error-codes-ingestion). The service recommends a retry for time-outs and
# internal errors only; that the other connection faults pass too is our judgement. A code that is not here is Failed.
REMEDIES: dict[str, Remedy] = {
    "InternalError": Remedy.RETRY,
    ErrorCode.OPERATION_LOST.value: Remedy.RETRY,
    "InternalIntermitentError": Remedy.RETRY,
    "IngestionResourceTimeout": Remedy.RETRY,
    "IngestionResourceConnectionFailed": Remedy.RETRY,
    "CogTransformationTimeout": Remedy.RETRY,
    "GenericHttpIngestionError": Remedy.RETRY,
    "GenericIngestionError": Remedy.RETRY,
    **dict.fromkeys(ACCESS_CODES, Remedy.HOLD),
    "CollectionDoesNotExist": Remedy.HOLD,
    "ItemAlreadyExistsInCollection": Remedy.EXISTS,
    "NoRecordsToDelete": Remedy.ABSENT,
    "NoRecordsToUpdate": Remedy.ABSENT,
    "NoRecordsToPatch": Remedy.ABSENT,
    "IngestionResourceUriNotFound": Remedy.FAIL,
    "InvalidAssetHref": Remedy.FAIL,
    "EmptyAsset": Remedy.FAIL,
    "InvalidStacCatalog": Remedy.FAIL,
    "InvalidGeoparquet": Remedy.FAIL,
    "InvalidInputData": Remedy.FAIL,
    "ImportFileValidationFailed": Remedy.FAIL,
    "AssetTransformationError": Remedy.FAIL,
    "CogTransformationError": Remedy.FAIL,
    "ItemTransformationError": Remedy.FAIL,
    "StacValidationFailed": Remedy.FAIL,
    "ItemSizeExceeded": Remedy.FAIL,
    "TotalAssetsExceeded": Remedy.FAIL,
    "PostItemCollectionSizeExceeded": Remedy.FAIL,
    "PatchValidation": Remedy.FAIL,
    "OperationNotExistsInCollection": Remedy.FAIL,
    "ErrorsInBatchOperation": Remedy.FAIL,
    "OperationIsCanceled": Remedy.FAIL,
    "CanceledOperation": Remedy.FAIL,
}


@dataclass(frozen=True)
class OperationOutcome:
    """How an operation stands.

    Attributes:
        state: open, or how it ended.
        code: the service's error code, for one that failed.
        message: the service's words, secrets masked.
    """

    state: OperationState
    code: str | None = None
    message: str | None = None

    @property
    def remedy(self) -> Remedy:
        """What the failure asks for."""
        return REMEDIES.get(self.code or "", Remedy.FAIL)


def read_outcome(operation: Mapping[str, Any]) -> OperationOutcome:
    """Reads how an operation stands.

    Args:
        operation: the service's JSON.

    Returns:
        Its state; one that succeeded with failed items is a failure.
    """
    state = _STATES.get(str(operation.get("status", "")).casefold(), OperationState.OPEN)
    if state is OperationState.SUCCEEDED and _failed_items(operation):
        state = OperationState.FAILED
    if state is OperationState.FAILED:
        code, message = _error(operation)
        return OperationOutcome(state, code or ErrorCode.GENERIC.value, redact(message))
    return OperationOutcome(state)


def _failed_items(operation: Mapping[str, Any]) -> int:
    totals = operation.get("additionalInformation")
    try:
        return int(totals.get("TotalFailedItems", 0)) if isinstance(totals, Mapping) else 0
    except (TypeError, ValueError):
        return 0


def _error(operation: Mapping[str, Any]) -> tuple[str, str]:
    """Finds code and message at the level where the service put them: history, doubly nested, nested."""
    history = operation.get("statusHistory")
    last = history[-1] if isinstance(history, list) and history and isinstance(history[-1], Mapping) else {}
    if last.get("errorCode"):
        return str(last["errorCode"]), str(last.get("errorMessage") or "")
    error = operation.get("error")
    while isinstance(error, Mapping) and isinstance(error.get("error"), Mapping):
        error = error["error"]
    if isinstance(error, Mapping):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return "", ""
