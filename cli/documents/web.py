"""Fetches a file from the web, within limits of size and time."""

import requests

from cli.output.faults import CommandError

_TIMEOUT = (5, 60)
_CHUNK = 256 * 1024


def fetch(url: str, *, limit: int) -> bytes:
    """Fetches a file.

    Args:
        url: its https URL.
        limit: the most bytes to take.

    Raises:
        CommandError: it is not there, or larger than the limit.
        requests.RequestException: its server did not answer.
    """
    shown = url.partition("?")[0]
    with requests.get(url, stream=True, timeout=_TIMEOUT) as response:
        if not response.ok:
            raise CommandError(f"{shown} answered {response.status_code}; check the URL, or sign it if it is private.")
        content = bytearray()
        for chunk in response.iter_content(_CHUNK):
            content += chunk
            if len(content) > limit:
                raise CommandError(f"The file at {shown} is larger than {limit:,} bytes.")
    return bytes(content)
