"""Fetches files from the web, within limits of size and time."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from cli.output.faults import CommandError
from shared.http.sessions import plain_session

# Connect and read, in seconds.
_TIMEOUT = (5, 60)
_CHUNK = 256 * 1024


def fetch(url: str, *, limit: int) -> bytes:
    """Fetch a file.

    Args:
        url: its https URL.
        limit: the most bytes to take.

    Raises:
        CommandError: it is not there, or larger than the limit.
        requests.RequestException: its server did not answer.
    """
    content = bytearray()
    with _opened(url) as response:
        for chunk in response.iter_content(_CHUNK):
            content += chunk
            if len(content) > limit:
                raise CommandError(f"The file at {shown(url)} is larger than {limit:,} bytes.")
    return bytes(content)


def lines_of(url: str) -> Iterator[bytes]:
    """Read a file line by line as it comes, each line with its end.

    Raises:
        CommandError: it is not there.
        requests.RequestException: its server did not answer.
    """
    rest = b""
    with _opened(url) as response:
        for chunk in response.iter_content(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def shown(url: str) -> str:
    """Return a URL without its query, which may hold a signature."""
    return url.partition("?")[0]


@contextmanager
def _opened(url: str) -> Iterator[requests.Response]:
    with plain_session() as session, session.get(url, stream=True, timeout=_TIMEOUT) as response:
        if not response.ok:
            raise CommandError(
                f"{shown(url)} answered {response.status_code}; check the URL, or sign it if it is private."
            )
        yield response
