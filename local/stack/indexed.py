"""Whether a host that runs has any function: the Functions host runs on without, and says so only in its log."""

from typing import Any

import requests

from local.stack.parts import Part, PartError

_ANSWER_SECONDS = 10


def check_indexed(host: Part) -> None:
    """Make sure that the app was indexed.

    Raises:
        PartError: the host has no function; the message says why, or where that is told.
    """
    if _get(host, "/admin/functions"):
        return
    # The stand-in tells the reason here; the Core Tools tell it in their log alone.
    errors = _get(host, "/admin/host/status").get("errors")
    reason = errors.get("*") if isinstance(errors, dict) else None
    raise PartError(
        f"The {host.name} runs, but could not index any function of the app: {reason or 'it does not say why.'}\n"
        f"Its log has the whole story: {host.log}"
    )


def _get(host: Part, path: str) -> Any:  # noqa: ANN401 - whatever the host answers
    try:
        response = requests.get(f"{host.url}{path}", timeout=_ANSWER_SECONDS)
        response.raise_for_status()
        return response.json()
    except (requests.RequestException, ValueError) as error:
        raise PartError(f"The {host.name} does not tell its functions ({type(error).__name__}).") from error
