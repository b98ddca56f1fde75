"""The 202 that starts an operation."""

from starlette.requests import Request
from starlette.responses import Response

from local.geocatalog.catalog import catalog_of
from local.geocatalog.http.responses import origin_of, text_response
from local.geocatalog.http.versions import api_version
from local.geocatalog.ingestions.operations import Operation, Undo, Work


def accept(request: Request, operation: Operation, work: Work, undo: Undo | None = None) -> Response:
    """Start an operation and answer 202.

    Args:
        request: The request that asked for it.
        operation: The new operation.
        work: What it does.
        undo: Takes back what was done before it began; called where it ends in any way but well.

    Returns:
        The response, whose `Location` and `operation-location` are where to poll.
    """
    document = catalog_of(request).operations.start(operation, work, undo)
    version = api_version(request)
    where = f"{origin_of(request)}/inma/operations/{operation.id}?api-version={version}"
    return text_response(document, 202, {"Location": where, "operation-location": where})
