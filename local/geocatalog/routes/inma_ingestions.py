"""Routes of ingestion definitions and their runs."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.geocatalog.catalog import Catalog, catalog_of
from local.geocatalog.errors import RequestError, RequestErrorCode
from local.geocatalog.http.bodies import read_json
from local.geocatalog.http.paging import next_link, parse_page
from local.geocatalog.http.responses import json_response, origin_of
from local.geocatalog.http.versions import api_version
from local.geocatalog.ingestions.accepted import accept
from local.geocatalog.ingestions.catalogs import OPERATION_TYPES, Definition, Run, parse_definition, patched_definition
from local.geocatalog.ingestions.operations import Operation, OperationType

_INGESTIONS = "/inma/collections/{cid}/ingestions"
_INGESTION = f"{_INGESTIONS}/{{iid}}"
_RUNS = f"{_INGESTION}/runs"


def _definition(request: Request) -> Definition:
    catalog = catalog_of(request)
    collection = catalog.collections.get(request.path_params["cid"])
    return catalog.definitions.get(collection.id, request.path_params["iid"])


def _page(request: Request, documents: list[dict[str, object]]) -> Response:
    top, skip = parse_page(request.query_params)
    body: dict[str, object] = {"value": documents[skip : skip + top]}
    if len(documents) > skip + top:
        body["nextLink"] = next_link(request, top, skip)
    return json_response(body)


def _created(request: Request, made_id: str, document: dict[str, object]) -> Response:
    version = api_version(request)
    where = f"{origin_of(request)}{request.url.path}/{made_id}?api-version={version}"
    return json_response(document, 201, {"Location": where})


async def list_ingestions(request: Request) -> Response:
    """Serve `GET /inma/collections/{cid}/ingestions`."""
    catalog = catalog_of(request)
    collection = catalog.collections.get(request.path_params["cid"])
    return _page(request, [one.to_dict() for one in catalog.definitions.list(collection.id)])


async def create_ingestion(request: Request) -> Response:
    """Serve `POST /inma/collections/{cid}/ingestions`."""
    catalog = catalog_of(request)
    collection = catalog.collections.get(request.path_params["cid"])
    definition = parse_definition(await read_json(request), collection.id)
    catalog.definitions.put(definition)
    return _created(request, definition.id, definition.to_dict())


async def get_ingestion(request: Request) -> Response:
    """Serve `GET .../ingestions/{iid}`."""
    return json_response(_definition(request).to_dict())


async def update_ingestion(request: Request) -> Response:
    """Serve `PATCH .../ingestions/{iid}`, a JSON merge patch."""
    definition = _definition(request)
    changed = patched_definition(definition, await read_json(request))
    catalog_of(request).definitions.put(changed)
    return json_response(changed.to_dict())


async def delete_ingestion(request: Request) -> Response:
    """Serve `DELETE .../ingestions/{iid}`, which is refused while a run of it goes on."""
    catalog, definition = catalog_of(request), _definition(request)
    if _has_open_run(catalog, definition):
        raise RequestError(
            409, RequestErrorCode.CONFLICT, f"Ingestion '{definition.id}' has a run in progress or queued."
        )
    definition.is_deleting = True

    async def work(_operation: Operation) -> None:
        catalog.definitions.remove(definition.id)

    operation = Operation(
        OperationType.DELETE_INGESTION,
        definition.collection_id,
        information={"IngestionId": definition.id},
    )
    return accept(request, operation, work)


def _has_open_run(catalog: Catalog, definition: Definition) -> bool:
    return any(catalog.operations.is_open(run_id) for run_id in definition.runs)


async def create_run(request: Request) -> Response:
    """Serve `POST .../ingestions/{iid}/runs`."""
    catalog, definition = catalog_of(request), _definition(request)
    if definition.is_deleting:
        raise RequestError(409, RequestErrorCode.CONFLICT, f"Ingestion '{definition.id}' is being deleted.")
    operation = Operation(OPERATION_TYPES[definition.import_type], definition.collection_id)
    run = Run(operation, definition.source())
    definition.runs[operation.id] = run
    catalog.operations.start(operation, lambda begun: catalog.catalog_import.run(begun, definition))
    return _created(request, operation.id, run.to_dict())


async def list_runs(request: Request) -> Response:
    """Serve `GET .../ingestions/{iid}/runs`."""
    return _page(request, [run.to_dict() for run in reversed(_definition(request).runs.values())])


async def get_run(request: Request) -> Response:
    """Serve `GET .../ingestions/{iid}/runs/{rid}`."""
    definition = _definition(request)
    run = catalog_of(request).definitions.get_run(definition.collection_id, definition.id, request.path_params["rid"])
    return json_response(run.to_dict())


ROUTES = [
    Route(_INGESTIONS, list_ingestions, methods=["GET"]),
    Route(_INGESTIONS, create_ingestion, methods=["POST"]),
    Route(_INGESTION, get_ingestion, methods=["GET"]),
    Route(_INGESTION, update_ingestion, methods=["PATCH"]),
    Route(_INGESTION, delete_ingestion, methods=["DELETE"]),
    Route(_RUNS, create_run, methods=["POST"]),
    Route(_RUNS, list_runs, methods=["GET"]),
    Route(f"{_RUNS}/{{rid}}", get_run, methods=["GET"]),
]
