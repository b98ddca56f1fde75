"""Asks a STAC API, and waits as long as it asks for patience."""

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from cli.output.faults import CommandError
from cli.output.printing import note
from shared.basics.clock import utc_now
from shared.http.sessions import plain_session
from shared.services.stac_pages import PageRequest

# Connect and read, in seconds; a search over many items takes a server some time.
_TIMEOUT = (5, 60)
# A page that does not come within these is a fault that a person should know of.
MAX_TRIES = 5
_MAX_SECONDS = 300
# The wait where the API names none: 1, 2, 4 and 8 seconds, spread by a fifth.
_FIRST_WAIT_SECONDS = 1.0
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class ApiClient:
    """Reads pages of a STAC API over one session."""

    def __init__(self) -> None:
        self._session = plain_session()

    def send(self, request: PageRequest, what: str, so_far: str) -> requests.Response:
        """Send a request, and again where the API is busy or broken for the moment.

        A 429, a 5xx and a broken connection are tried again after what `Retry-After` says, in seconds or as a date
        (RFC 9110, 10.2.3): at most 5 tries within 5 minutes.

        Args:
            request: what to ask for.
            what: what that is, for people, such as `page 3`.
            so_far: how far the reading came, a clause, for the sentence where it is given up.

        Returns:
            The answer, of any other status.

        Raises:
            CommandError: it was given up, or the API leads elsewhere in a way that would lose the search.
        """
        end = time.monotonic() + _MAX_SECONDS
        for attempt in range(1, MAX_TRIES + 1):
            try:
                response = self._session.request(
                    request.method, request.url, json=request.body, headers=dict(request.headers), timeout=_TIMEOUT
                )
                trouble, asked = f"answered {response.status_code}", _retry_after(response)
            except _BROKEN as error:
                response, trouble, asked = None, f"did not answer ({type(error).__name__})", None
            except (requests.RequestException, ValueError) as error:
                raise CommandError(f"{what.capitalize()} cannot be asked for: {type(error).__name__}.") from None
            if response is not None and not _is_passing(response.status_code):
                _check_redirects(response, request)
                return response
            wait = asked if asked is not None else _FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
            tries = "once" if attempt == 1 else f"{attempt} times"
            if attempt == MAX_TRIES or time.monotonic() + wait > end:
                patience = "" if attempt == MAX_TRIES else f" and asks to wait for {wait:,.0f} s"
                raise CommandError(
                    f"The STAC API at {_host(request)} {trouble} {tries} when asked for {what}{patience}; {so_far}. "
                    "Run the command again later."
                )
            if wait >= 1:
                note(f"The STAC API {trouble} for {what}; waiting {wait:,.0f} s (try {attempt} of {MAX_TRIES}).")
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")  # pragma: no cover


def _is_passing(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds to wait that an answer asks for; None where it does not, or not in a way that can be read."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - utc_now()).total_seconds())


def _check_redirects(response: requests.Response, request: PageRequest) -> None:
    # A redirect of 301 to 303 makes a GET of a POST, without its body: it would find every item that there is.
    if response.request.method != request.method:
        target = str(response.url).partition("?")[0]
        raise CommandError(f"The STAC API's search leads to {target} by a redirect; give --search the API's own URL.")


def _host(request: PageRequest) -> str:
    return urlsplit(request.url).netloc.rpartition("@")[2]
