"""Routes that control the emulator; the service has none of them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import catalog_of
from local.geocatalog.http.bodies import read_json
from local.geocatalog.http.responses import json_response
from local.stack.serve import HEALTH_ROUTE


async def get_behavior(request: Request) -> Response:
    """Serve `GET /_emulator/behavior`."""
    return json_response(catalog_of(request).behavior.to_dict())


async def put_behavior(request: Request) -> Response:
    """Serve `PUT /_emulator/behavior`: what the body names is changed, the rest stays."""
    behavior = catalog_of(request).behavior
    behavior.merge(await read_json(request))
    return json_response(behavior.to_dict())


async def list_requests(request: Request) -> Response:
    """Serve `GET /_emulator/requests`."""
    return json_response(catalog_of(request).requests.to_list())


async def reset(request: Request) -> Response:
    """Serve `POST /_emulator/reset`: the behavior and the list of requests start anew, all data stays."""
    catalog = catalog_of(request)
    catalog.behavior.reset()
    catalog.requests.clear()
    return Response(status_code=204)


ROUTES = [
    HEALTH_ROUTE,
    Route("/_emulator/behavior", get_behavior, methods=["GET"]),
    Route("/_emulator/behavior", put_behavior, methods=["PUT"]),
    Route("/_emulator/requests", list_requests, methods=["GET"]),
    Route("/_emulator/reset", reset, methods=["POST"]),
]
