"""The API versions the service answers to."""

from functools import lru_cache
from urllib.parse import parse_qsl

from local.geocatalog.errors import RequestError, RequestErrorCode

PREVIEW = "2025-04-30-preview"
CURRENT = "2026-04-15"
SUPPORTED = (PREVIEW, CURRENT)
SUPPORTED_VERSIONS = ", ".join(SUPPORTED)


def check_version(query_string: bytes) -> None:
    """Check the `api-version` of a request.

    Args:
        query_string: The raw query of its URL.

    Raises:
        RequestError: 400, where it is missing or not known.
    """
    version = api_version(query_string)
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


@lru_cache(maxsize=1024)
def api_version(query_string: bytes) -> str | None:
    """Give the `api-version` of a raw query, or None."""
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        if name == "api-version":
            return value
    return None
