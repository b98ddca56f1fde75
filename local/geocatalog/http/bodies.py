"""Reading request bodies, with a bound on their size."""

from starlette.requests import Request

from local.basics.json_text import Json, parse_json
from local.geocatalog.errors import RequestError, RequestErrorCode, bad_request

# No limit is published; 100 MB hold 100 items of the largest size, and keep memory bounded.
MAX_BODY_BYTES = 100_000_000


async def read_body(request: Request) -> bytes:
    """Read a request's body.

    Raises:
        RequestError: 413, where it is too large.
    """
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise RequestError(
                413, RequestErrorCode.REQUEST_BODY_TOO_LARGE, f"The body is larger than {MAX_BODY_BYTES} bytes."
            )
        pieces.append(piece)
    return b"".join(pieces)


async def read_json(request: Request) -> Json:
    """Read a request's body as JSON.

    Raises:
        RequestError: 400, where it is not JSON; 413, where it is too large.
    """
    return decode_json(await read_body(request))


def decode_json(body: bytes) -> Json:
    """Decode a body as JSON.

    Raises:
        RequestError: 400.
    """
    try:
        return parse_json(body)
    except ValueError as error:
        raise bad_request(f"The body is not valid JSON: {error}.") from None
