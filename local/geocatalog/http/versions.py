"""The API versions the service answers to."""

from functools import lru_cache
from urllib.parse import parse_qsl

from starlette.requests import Request

from local.geocatalog.errors import RequestError, RequestErrorCode

PREVIEW = "2025-04-30-preview"
CURRENT = "2026-04-15"
SUPPORTED = (PREVIEW, CURRENT)
SUPPORTED_VERSIONS = ", ".join(SUPPORTED)


def check_version(query_string: bytes, *, is_required: bool) -> None:
    """Check the `api-version` of a request.

    Args:
        query_string: The raw query of its URL.
        is_required: Whether it must be there.

    Raises:
        RequestError: 400, where it is missing or not known.
    """
    version = _named_version(query_string)
    if version is None and not is_required:
        return
    if version is None:
        raise RequestError(
            400,
            RequestErrorCode.MISSING_API_VERSION,
            f"The query parameter 'api-version' is required; supported are {SUPPORTED_VERSIONS}.",
        )
    if version not in SUPPORTED:
        raise RequestError(
            400,
            RequestErrorCode.UNSUPPORTED_API_VERSION,
            f"The api-version '{version[:40]}' is not supported; supported are {SUPPORTED_VERSIONS}.",
        )


def api_version(request: Request) -> str:
    """Return the API version that a request is answered in."""
    return _named_version(request.scope["query_string"]) or CURRENT


@lru_cache(maxsize=1024)
def _named_version(query_string: bytes) -> str | None:
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        if name == "api-version":
            return value
    return None
