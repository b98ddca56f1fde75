"""Routes of operations."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.basics.json_text import json_text
from local.geocatalog.catalog import catalog_of
from local.geocatalog.errors import RequestError, bad_request, not_found
from local.geocatalog.http.paging import next_link, parse_page
from local.geocatalog.http.responses import text_response
from local.geocatalog.ingestions.operations import OperationStatus

# What the history calls Succeeded is taken as a filter too.
_STATUSES = {status.lower(): status for status in OperationStatus} | {"finished": OperationStatus.SUCCEEDED}


async def list_operations(request: Request) -> Response:
    """Serve `GET /inma/operations`."""
    top, skip = parse_page(request.query_params)
    status = request.query_params.get("status")
    if status is not None and status.lower() not in _STATUSES:
        raise bad_request(f"The query parameter 'status' must be one of {', '.join(OperationStatus)}.")
    found = catalog_of(request).operations.page(
        top + 1, skip, request.query_params.get("collectionId"), status and _STATUSES[status.lower()]
    )
    more = f',"nextLink":{json_text(next_link(request, top, skip))}' if len(found) > top else ""
    return text_response(f'{{"value":[{",".join(found[:top])}]{more}}}')


async def get_operation(request: Request) -> Response:
    """Serve `GET /inma/operations/{id}`."""
    operation_id = request.path_params["id"]
    document = catalog_of(request).operations.find(operation_id.lower())
    if document is None:
        raise _no_operation(operation_id)
    return text_response(document)


async def cancel_operation(request: Request) -> Response:
    """Serve `DELETE /inma/operations/{id}`."""
    operations, operation_id = catalog_of(request).operations, request.path_params["id"]
    if operations.find(operation_id.lower()) is None:
        raise _no_operation(operation_id)
    operations.cancel(operation_id.lower())
    return Response(status_code=204)


async def cancel_all_operations(request: Request) -> Response:
    """Serve `DELETE /inma/operations`, which is for the whole catalogue."""
    catalog_of(request).operations.cancel_all()
    return Response(status_code=204)


def _no_operation(operation_id: str) -> RequestError:
    return not_found(f"Operation '{operation_id}' not found.")


ROUTES = [
    Route("/inma/operations/{id}", get_operation, methods=["GET"]),
    Route("/inma/operations/{id}", cancel_operation, methods=["DELETE"]),
    Route("/inma/operations", list_operations, methods=["GET"]),
    Route("/inma/operations", cancel_all_operations, methods=["DELETE"]),
]
