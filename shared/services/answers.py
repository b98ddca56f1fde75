"""Reads what GeoCatalog answers: its JSON, the id of an operation, and which error an unexpected answer is."""

import re
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests

from shared.basics.clock import utc_now
from shared.basics.errors import BadContent, ErrorCode, Held, IngestionError, LostResponse, Throttled, Unavailable
from shared.basics.redact import redact

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_ERROR_CODE = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that is not the expected one: its status and the service's own code and words."""

    status: int
    code: str
    message: str


def json_of(response: requests.Response) -> Any:  # noqa: ANN401
    """Return the JSON of an answer.

    Raises:
        Unavailable: there is none; another server may stand at the address.
    """
    try:
        return response.json()
    except ValueError:
        raise Unavailable(
            f"GeoCatalog answered {response.status_code} without JSON; is GEOCATALOG_URL right?"
        ) from None


def json_object(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        Unavailable: the answer holds none.
    """
    value = json_of(response)
    if not isinstance(value, dict):
        raise Unavailable(f"GeoCatalog answered {response.status_code} with JSON of another shape than expected.")
    return value


def operation_id_of(response: requests.Response) -> str:
    """Return the id of the operation that an accepted request names, in its body or its headers.

    Raises:
        LostResponse: it names none.
    """
    found = json_object(response).get("id")
    if not found:
        location = response.headers.get("operation-location") or response.headers.get("Location") or ""
        found = urlsplit(location).path.rstrip("/").rpartition("/")[2]
    if not found:
        raise LostResponse("GeoCatalog accepted the request without naming its operation.")
    return str(found)


def no_answer(error: requests.RequestException, url: str, *, is_read: bool) -> IngestionError:
    """Return the error of a request without an answer: lost where a write may have been done."""
    # A refused connection was never sent; anything later may have been done.
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    unsent = type(reason).__name__ in {"NewConnectionError", "ConnectTimeoutError", "NameResolutionError"}
    if is_read or unsent:
        return Unavailable(f"GeoCatalog did not answer at {url} ({type(reason or error).__name__}).")
    return LostResponse(f"GeoCatalog gave no answer to a write ({type(error).__name__}); it may have been done.")


def refusal_of(response: requests.Response) -> Refusal:
    """Return status, code and words of an unexpected answer; words are redacted and shortened."""
    code, message = response.headers.get("x-ms-error-code", ""), ""
    try:
        body = response.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        code, message = str(error.get("code") or code), str(error.get("message") or "")
    code = _ERROR_CODE.sub("", code)[:100] or f"Http{response.status_code}"
    return Refusal(response.status_code, code, redact(message)[:500])


def fault_of(refusal: Refusal, method: str, path: str, response: requests.Response, *, is_read: bool) -> IngestionError:
    """Return the error that an unexpected answer is.

    Args:
        refusal: the answer's status, code and words.
        method: the request's method.
        path: the request's path.
        response: the answer, for its headers.
        is_read: whether the request changed nothing.
    """
    said = f"GeoCatalog answered {refusal.status} {refusal.code} to {method} {path}"
    detail = f": {refusal.message}" if refusal.message else "."
    if refusal.status in {429, 503}:
        return Throttled(said + detail, retry_after=_retry_after(response.headers.get("Retry-After")))
    if refusal.status in _TRANSIENT or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A gateway's 500, 502 or 504 does not say whether the write behind it was done.
        return Unavailable(said + detail) if is_read else LostResponse(said + detail)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return Held(f"{said}; check GEOCATALOG_SCOPE and the app's identity.", code=ErrorCode.UNAUTHENTICATED)
    if refusal.status == HTTPStatus.FORBIDDEN:
        return Held(
            f"{said}; give the app's identity the role GeoCatalog Administrator (it takes minutes to act).",
            code=ErrorCode.FORBIDDEN,
        )
    if refusal.status == HTTPStatus.NOT_FOUND and _is_of_a_collection(path, refusal):
        return Held(f"{said}{detail} Create the collection; the app then retries.", code=ErrorCode.NO_COLLECTION)
    if refusal.status == HTTPStatus.NOT_FOUND:
        return Held(f"{said}{detail} Check GEOCATALOG_URL: no GeoCatalog answers there.", code=ErrorCode.WRONG_ADDRESS)
    if _is_wrong_address(refusal):
        return Held(f"{said}{detail} Check GEOCATALOG_URL and GEOCATALOG_API_VERSION.", code=refusal.code)
    return BadContent(said + detail, code=refusal.code)


def _is_of_a_collection(path: str, refusal: Refusal) -> bool:
    """Tell whether a 404 is GeoCatalog's word on a collection: other servers answer 404 without an error code."""
    return path.startswith("/stac/collections/") and refusal.code != f"Http{refusal.status}"


def _is_wrong_address(refusal: Refusal) -> bool:
    """Tells whether the address or the api-version is refused, for which no item is at fault."""
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= refusal.status < HTTPStatus.BAD_REQUEST
    return is_redirect or refusal.status == HTTPStatus.METHOD_NOT_ALLOWED or "ApiVersion" in refusal.code


def _retry_after(value: str | None) -> timedelta | None:
    if not value:
        return None
    try:
        return timedelta(seconds=max(0, int(value)))
    except (ValueError, OverflowError):
        pass
    try:
        return max(parsedate_to_datetime(value) - utc_now(), timedelta(0))
    except (ValueError, TypeError):
        return None
