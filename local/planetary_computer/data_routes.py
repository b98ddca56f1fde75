"""The data API: mosaic info, and what is computed from an item's assets; and the collection's thumbnail."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.planetary_computer import files
from local.planetary_computer.items import COLLECTION_ID
from local.planetary_computer.mosaic_info import MOSAIC_INFO
from local.planetary_computer.scenes import SCENES, Scene

ROOT = "/api/data/v1"
# Routes that draw pictures are plain functions: Starlette runs these on threads, so nobody else waits.
MIN_ZOOM, MAX_ZOOM = 8, 14


def data_routes() -> list[Route]:
    """Return the routes of the data API and of the thumbnail."""
    return [
        Route(f"{ROOT}/mosaic/info", _mosaic_info),
        Route(f"{ROOT}/item/preview.png", _preview),
        Route(f"{ROOT}/item/tilejson.json", _tilejson),
        Route(f"/thumbnails/{COLLECTION_ID}.png", _thumbnail),
    ]


async def _mosaic_info(request: Request) -> JSONResponse:
    _require_collection(request)
    return JSONResponse(MOSAIC_INFO)


def _preview(request: Request) -> Response:
    return Response(files.rendered_preview(_require_scene(request)), media_type="image/png")


async def _tilejson(request: Request) -> JSONResponse:
    scene = _require_scene(request)
    lons, lats = zip(*scene.footprint, strict=True)
    tiles = str(request.url.replace(path=f"{ROOT}/item/tiles/WebMercatorQuad/"))
    url, _, query = tiles.partition("?")
    tilejson: dict[str, Any] = {
        "tilejson": "2.2.0",
        "name": scene.id,
        "scheme": "xyz",
        "tiles": [f"{url}{{z}}/{{x}}/{{y}}@1x?{query}"],
        "minzoom": MIN_ZOOM,
        "maxzoom": MAX_ZOOM,
        "bounds": [min(lons), min(lats), max(lons), max(lats)],
    }
    return JSONResponse(tilejson)


def _thumbnail(_request: Request) -> Response:
    return Response(_thumbnail_file(), media_type="image/png")


@lru_cache(maxsize=1)
def _thumbnail_file() -> bytes:
    return files.thumbnail()


def _require_collection(request: Request) -> None:
    wanted = request.query_params.get("collection")
    if wanted is None:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The query parameter collection is missing.")
    if wanted != COLLECTION_ID:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"No collection with id '{wanted}' found!")


def _require_scene(request: Request) -> Scene:
    _require_collection(request)
    wanted = request.query_params.get("item")
    for scene in SCENES:
        if scene.id == wanted:
            return scene
    raise HTTPException(HTTPStatus.NOT_FOUND, f"No item with id '{wanted}' found!")
