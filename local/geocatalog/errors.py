"""The two kinds of error the service knows: refused requests and failed operations."""

from collections.abc import Mapping
from enum import StrEnum

from starlette.responses import Response

from local.geocatalog.http.responses import json_response


class RequestErrorCode(StrEnum):
    """Codes of refused requests, as in the body and in the header `x-ms-error-code`."""

    BAD_REQUEST = "BadRequest"
    CONFLICT = "Conflict"
    DUPLICATED_ENTITY = "DuplicatedEntity"
    INTERNAL_SERVER_ERROR = "InternalServerError"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    MISSING_API_VERSION = "MissingApiVersionParameter"
    REQUEST_BODY_TOO_LARGE = "RequestBodyTooLarge"
    RESOURCE_EXISTS = "ResourceExists"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    UNAUTHORIZED = "Unauthorized"
    UNSUPPORTED_API_VERSION = "UnsupportedApiVersionValue"


class IngestionErrorCode(StrEnum):
    """Codes of failed operations, of the service's published list, that the emulator gives by itself."""

    CANCELED_OPERATION = "CanceledOperation"
    COLLECTION_DOES_NOT_EXIST = "CollectionDoesNotExist"
    EMPTY_ASSET = "EmptyAsset"
    ERRORS_IN_BATCH_OPERATION = "ErrorsInBatchOperation"
    GENERIC_HTTP_INGESTION_ERROR = "GenericHttpIngestionError"
    GENERIC_INGESTION_ERROR = "GenericIngestionError"
    INGESTION_AUTHENTICATION_FAILED = "IngestionAuthenticationFailed"
    INGESTION_RESOURCE_CONNECTION_FAILED = "IngestionResourceConnectionFailed"
    INGESTION_RESOURCE_FORBIDDEN = "IngestionResourceForbidden"
    INGESTION_RESOURCE_TIMEOUT = "IngestionResourceTimeout"
    INGESTION_RESOURCE_URI_NOT_FOUND = "IngestionResourceUriNotFound"
    INTERNAL_ERROR = "InternalError"
    INVALID_ASSET_HREF = "InvalidAssetHref"
    INVALID_GEOPARQUET = "InvalidGeoparquet"
    INVALID_STAC_CATALOG = "InvalidStacCatalog"
    ITEM_ALREADY_EXISTS = "ItemAlreadyExistsInCollection"
    ITEM_SIZE_EXCEEDED = "ItemSizeExceeded"
    MANAGED_IDENTITY_INFO_NOT_FOUND = "ManagedIdentityInfoNotFound"
    NO_RECORDS_TO_DELETE = "NoRecordsToDelete"
    NO_RECORDS_TO_PATCH = "NoRecordsToPatch"
    NO_RECORDS_TO_UPDATE = "NoRecordsToUpdate"
    PATCH_VALIDATION = "PatchValidation"
    POST_ITEM_COLLECTION_SIZE_EXCEEDED = "PostItemCollectionSizeExceeded"
    PUBLIC_ACCESS_RESTRICTED = "PublicAccessRestricted"
    STAC_VALIDATION_FAILED = "StacValidationFailed"
    TOTAL_ASSETS_EXCEEDED = "TotalAssetsExceeded"


class RequestError(Exception):
    """A request the service refuses."""

    def __init__(self, status: int, code: RequestErrorCode, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class IngestionError(Exception):
    """A reason for which an operation ends as Failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = str(code)
        self.message = message


def bad_request(message: str) -> RequestError:
    """Make the refusal of a request whose parameters or body are wrong."""
    return RequestError(400, RequestErrorCode.BAD_REQUEST, message)


def not_found(message: str) -> RequestError:
    """Make the refusal of a request for something that is not there."""
    return RequestError(404, RequestErrorCode.RESOURCE_NOT_FOUND, message)


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Make a response in the service's error shape.

    Args:
        status: HTTP status.
        code: Error code, repeated in the header `x-ms-error-code`.
        message: One sentence for a person.
        headers: More headers.

    Returns:
        The response.
    """
    body = {"error": {"code": str(code), "message": message}}
    return json_response(body, status, {"x-ms-error-code": str(code), **(headers or {})})
