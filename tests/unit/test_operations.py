from typing import Any

import pytest

from shared.basics.errors import ErrorCode
from shared.services.operation_states import REMEDIES, OperationState, Remedy, read_outcome

# The service's complete list of ingestion error codes, and what each asks for.
RETRY = {
    "IngestionResourceTimeout",
    "IngestionResourceConnectionFailed",
    "InternalError",
    "InternalIntermitentError",
    "CogTransformationTimeout",
    "GenericHttpIngestionError",
    "GenericIngestionError",
}
HOLD = {
    "PublicAccessRestricted",
    "IngestionResourceForbidden",
    "IngestionAuthenticationFailed",
    "ManagedIdentityInfoNotFound",
    "RoleBasedAccessDeny",
    "CollectionDoesNotExist",
}
EXISTS = {"ItemAlreadyExistsInCollection"}
ABSENT = {"NoRecordsToDelete", "NoRecordsToPatch", "NoRecordsToUpdate"}
FAIL = {
    "IngestionResourceUriNotFound",
    "InvalidAssetHref",
    "EmptyAsset",
    "InvalidStacCatalog",
    "InvalidGeoparquet",
    "InvalidInputData",
    "ImportFileValidationFailed",
    "AssetTransformationError",
    "CogTransformationError",
    "ItemTransformationError",
    "StacValidationFailed",
    "ItemSizeExceeded",
    "TotalAssetsExceeded",
    "PostItemCollectionSizeExceeded",
    "PatchValidation",
    "OperationIsCanceled",
    "OperationNotExistsInCollection",
    "CanceledOperation",
    "ErrorsInBatchOperation",
}
SORTED = [
    (Remedy.RETRY, RETRY),
    (Remedy.HOLD, HOLD),
    (Remedy.EXISTS, EXISTS),
    (Remedy.ABSENT, ABSENT),
    (Remedy.FAIL, FAIL),
]


def failed(code: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "status": "Failed",
        "statusHistory": [
            {"status": "Pending", "timestamp": "2026-04-16T10:00:00Z"},
            {"status": "Failed", "timestamp": "2026-04-16T10:00:01Z", "errorCode": code, "errorMessage": "why"},
        ],
        **fields,
    }


@pytest.mark.parametrize(("remedy", "codes"), SORTED)
def test_every_code_of_the_service_is_sorted(remedy: Remedy, codes: set[str]) -> None:
    for code in codes:
        assert read_outcome(failed(code)).remedy is remedy, code


def test_nothing_else_is_sorted() -> None:
    assert set(REMEDIES) - {ErrorCode.OPERATION_LOST} == RETRY | HOLD | EXISTS | ABSENT | FAIL


def test_an_unknown_code_is_a_failure() -> None:
    assert read_outcome(failed("SomethingNew")).remedy is Remedy.FAIL


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"statusHistory": [{"status": "Failed", "errorCode": "A", "errorMessage": "a"}],
          "error": {"error": {"code": "B", "message": "b"}}}, ("A", "a")),
        ({"statusHistory": [{"status": "Failed"}], "error": {"error": {"code": "B", "message": "b"}}}, ("B", "b")),
        ({"statusHistory": [], "error": {"code": "C", "message": "c"}}, ("C", "c")),
        ({"error": {"error": {"error": {"code": "D", "message": "d"}}}}, ("D", "d")),
        ({"statusHistory": [{"status": "Failed", "errorCode": "E"}]}, ("E", "")),
        ({"error": "broken"}, ("GenericIngestionError", "")),
        ({"error": None, "statusHistory": None}, ("GenericIngestionError", "")),
        ({"statusHistory": ["Failed"]}, ("GenericIngestionError", "")),
        ({}, ("GenericIngestionError", "")),
    ],
)  # fmt: skip
def test_code_and_message_are_found_at_every_level(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    outcome = read_outcome({"status": "Failed", **fields})

    assert outcome.state is OperationState.FAILED
    assert (outcome.code, outcome.message) == expected


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Succeeded", OperationState.SUCCEEDED),
        ("Finished", OperationState.SUCCEEDED),
        ("FINISHED", OperationState.SUCCEEDED),
        ("completed", OperationState.SUCCEEDED),
        ("Failed", OperationState.FAILED),
        ("Canceled", OperationState.CANCELED),
        ("Cancelled", OperationState.CANCELED),
        ("Pending", OperationState.OPEN),
        ("Running", OperationState.OPEN),
        ("Canceling", OperationState.OPEN),
        ("Cancelling", OperationState.OPEN),
        ("NotStarted", OperationState.OPEN),
        ("", OperationState.OPEN),
        (None, OperationState.OPEN),
        (7, OperationState.OPEN),
    ],
)
def test_states(status: object, state: OperationState) -> None:
    assert read_outcome({"status": status}).state is state


def test_a_missing_status_is_open() -> None:
    assert read_outcome({}).state is OperationState.OPEN


@pytest.mark.parametrize(
    ("totals", "state"),
    [
        ({"TotalItems": "1", "TotalFailedItems": "0"}, OperationState.SUCCEEDED),
        ({"TotalItems": "2", "TotalFailedItems": "1"}, OperationState.FAILED),
        ({"TotalItems": 2, "TotalFailedItems": 1}, OperationState.FAILED),
        ({"TotalFailedItems": "many"}, OperationState.SUCCEEDED),
        ({"TotalFailedItems": None}, OperationState.SUCCEEDED),
        ({"IngestionId": "x"}, OperationState.SUCCEEDED),
        (None, OperationState.SUCCEEDED),
        ("x", OperationState.SUCCEEDED),
    ],
)
@pytest.mark.parametrize("status", ["Succeeded", "Finished"])
def test_success_with_failed_items_is_a_failure(status: str, totals: object, state: OperationState) -> None:
    assert read_outcome({"status": status, "additionalInformation": totals}).state is state


def test_secrets_of_a_message_are_masked() -> None:
    operation = failed("PublicAccessRestricted")
    operation["statusHistory"][-1]["errorMessage"] = "Source: https://a.blob.core.windows.net/c/x?sv=1&sig=hunter2"

    assert "hunter2" not in (read_outcome(operation).message or "")
