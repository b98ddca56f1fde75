"""The data API: mosaic info, and what is computed from an item's assets; and the collection's thumbnail."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.planetary_computer import files
from local.planetary_computer.catalogue import Catalogue
from local.planetary_computer.collection import COLLECTIONS, CollectionSpec
from local.planetary_computer.scenes import Scene

ROOT = "/api/data/v1"
# Routes that draw pictures are plain functions: Starlette runs these on threads, so nobody else waits.
MIN_ZOOM, MAX_ZOOM = 8, 14


def data_routes(catalogue: Catalogue) -> list[Route]:
    """Return the routes of the data API and of the thumbnails.

    Args:
        catalogue: The scenes that are drawn.
    """

    def preview(request: Request) -> Response:
        return Response(files.rendered_preview(_require_scene(catalogue, request)), media_type="image/png")

    async def tilejson(request: Request) -> JSONResponse:
        return JSONResponse(_tilejson(_require_scene(catalogue, request), request))

    return [
        Route(f"{ROOT}/mosaic/info", _mosaic_info),
        Route(f"{ROOT}/item/preview.png", preview),
        Route(f"{ROOT}/item/tilejson.json", tilejson),
        *(Route(f"/thumbnails/{collection}.png", _thumbnail) for collection in COLLECTIONS),
    ]


async def _mosaic_info(request: Request) -> JSONResponse:
    return JSONResponse(_require_collection(request).mosaic_info)


def _tilejson(scene: Scene, request: Request) -> dict[str, Any]:
    lons, lats = zip(*scene.footprint, strict=True)
    tiles = str(request.url.replace(path=f"{ROOT}/item/tiles/WebMercatorQuad/"))
    url, _, query = tiles.partition("?")
    return {
        "tilejson": "2.2.0",
        "name": scene.id,
        "scheme": "xyz",
        "tiles": [f"{url}{{z}}/{{x}}/{{y}}@1x?{query}"],
        "minzoom": MIN_ZOOM,
        "maxzoom": MAX_ZOOM,
        "bounds": [min(lons), min(lats), max(lons), max(lats)],
    }


def _thumbnail(_request: Request) -> Response:
    return Response(_thumbnail_file(), media_type="image/png")


@lru_cache(maxsize=1)
def _thumbnail_file() -> bytes:
    return files.thumbnail()


def _require_collection(request: Request) -> CollectionSpec:
    wanted = request.query_params.get("collection")
    if wanted is None:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The query parameter collection is missing.")
    if wanted not in COLLECTIONS:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"No collection with id '{wanted}' found!")
    return COLLECTIONS[wanted]


def _require_scene(catalogue: Catalogue, request: Request) -> Scene:
    wanted = request.query_params.get("item")
    scene = catalogue.scenes.get((_require_collection(request).id, str(wanted)))
    if scene is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"No item with id '{wanted}' found!")
    return scene
