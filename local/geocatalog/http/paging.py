"""The paging of the inma lists: `$top`, `$skip` and an absolute `nextLink`."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request

from local.geocatalog.errors import bad_request
from local.geocatalog.http.responses import origin_of

DEFAULT_TOP = 100


def parse_page(parameters: Mapping[str, str]) -> tuple[int, int]:
    """Read `$top` and `$skip`.

    Raises:
        RequestError: 400.
    """
    return _number(parameters, "$top", DEFAULT_TOP, 1), _number(parameters, "$skip", 0, 0)


def next_link(request: Request, top: int, skip: int) -> str:
    """Give the absolute address of the page after this one."""
    others = [(key, value) for key, value in request.query_params.multi_items() if key not in ("$top", "$skip")]
    query = urlencode([("$top", top), ("$skip", skip + top), *others], safe="$")
    return f"{origin_of(request)}{request.url.path}?{query}"


def _number(parameters: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    digits = len(str(2**53))
    if not text.isascii() or not text.isdigit() or len(text) > digits or int(text) < least:
        raise bad_request(f"The query parameter '{name}' must be an integer of at least {least}.")
    return int(text)
