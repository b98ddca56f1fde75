"""Control routes that change the scenes while the emulator runs, as a catalogue changes over the years."""

import asyncio
import json
from http import HTTPStatus
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.basics.merge_patch import merge_patch
from local.planetary_computer.catalogue import Catalogue
from local.planetary_computer.collection import COLLECTIONS, TUTORIAL_COLLECTION
from local.planetary_computer.scenes import TILES, Scene
from local.planetary_computer.storage import upload_scenes
from local.stac_search.boxes import is_bbox
from local.stac_search.item_store import times_of

_SCENES = "/_emulator/scenes"
_SCENE = f"{_SCENES}/{{collection}}/{{item}}"


class NewScene(BaseModel):
    """A scene to add.

    Attributes:
        time: When it was taken; a time before that of others makes it a late one.
        collection: Id of its collection.
        tile: Its tile, such as `27VVL`.
        platform: Its satellite.
        orbit: Its relative orbit.
        cloud_cover: Share of the tile under cloud, in percent.
        has_preview: Whether it has the asset `preview`.
        product_time: When its product was made (`s2:generation_time`, and the end of its id); None for a while later.
        files_of: Id of a scene of the collection whose files are its assets; None uploads files of its own.
        properties: Properties of its item, besides its own or in place of them.
    """

    model_config = ConfigDict(extra="forbid")

    time: AwareDatetime
    collection: str = TUTORIAL_COLLECTION.id
    tile: str = "27VVL"
    platform: Literal["Sentinel-2A", "Sentinel-2B"] = "Sentinel-2B"
    orbit: int = Field(default=24, ge=1, le=143)
    cloud_cover: float = Field(default=20.0, gt=0, lt=100)
    has_preview: bool = True
    product_time: AwareDatetime | None = None
    files_of: str | None = None
    properties: dict[str, Any] = {}

    def scene(self) -> Scene:
        """Return the scene."""
        return Scene(
            self.platform,
            self.time,
            self.orbit,
            self.tile,
            self.cloud_cover,
            has_preview=self.has_preview,
            product_time=self.product_time,
        )


_NEW_SCENES = TypeAdapter(list[NewScene])


def scene_control_routes(catalogue: Catalogue) -> list[Route]:
    """Return the routes that add, change and remove scenes.

    Args:
        catalogue: The scenes.
    """
    control = _SceneControl(catalogue)
    return [
        Route(_SCENES, control.get_scenes, methods=["GET"]),
        Route(_SCENES, control.post_scenes, methods=["POST"]),
        Route(_SCENE, control.patch_scene, methods=["PATCH"]),
        Route(_SCENE, control.delete_scene, methods=["DELETE"]),
    ]


class _SceneControl:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def get_scenes(self, _request: Request) -> Response:
        return JSONResponse([{"collection": collection, "id": item} for collection, item in self._catalogue.scenes])

    async def post_scenes(self, request: Request) -> Response:
        """Add a scene, or a list of them; none where one of them is wrong."""
        body = await _json(request)
        try:
            wanted = _NEW_SCENES.validate_python(body if isinstance(body, list) else [body])
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise _bad_request(f"These are no scenes: {faults}.") from None
        added = [(one, one.scene(), self._check(one)) for one in wanted]
        ids = [(one.collection, scene.id) for one, scene, _ in added]
        there = sorted({each[1] for each in ids if each in self._catalogue.scenes or ids.count(each) > 1})
        if there:
            raise HTTPException(HTTPStatus.CONFLICT, f"There would be two of {', '.join(there)}.")
        if self._catalogue.container is not None:
            own_files = [scene for _, scene, files_of in added if files_of is None]
            await asyncio.to_thread(upload_scenes, self._catalogue.container, own_files)
        for one, scene, files_of in added:
            self._catalogue.add(one.collection, scene, files_of=files_of, properties=one.properties)
        return JSONResponse([{"collection": collection, "id": item} for collection, item in ids], HTTPStatus.CREATED)

    async def patch_scene(self, request: Request) -> Response:
        """Change an item by a JSON merge patch; another `datetime` back-dates it."""
        collection, item_id = self._require(request)
        patch = await _json(request)
        stored = self._catalogue.find(collection, item_id)
        changed = merge_patch(stored, patch)
        if not isinstance(changed, dict) or (changed.get("collection"), changed.get("id")) != (collection, item_id):
            raise _bad_request("The patch must be a JSON object that keeps id and collection.")
        if not isinstance(changed.get("properties"), dict) or not isinstance(changed.get("assets"), dict):
            raise _bad_request("The patch must keep properties and assets as objects.")
        if not isinstance(changed.get("links"), list) or not is_bbox(changed.get("bbox")):
            raise _bad_request("The patch must keep links as a list and bbox as 4 or 6 numbers.")
        try:
            self._catalogue.items.put(changed)
        except ValueError as error:
            raise _bad_request(f"The properties would be wrong: {error}.") from None
        return JSONResponse(changed)

    async def delete_scene(self, request: Request) -> Response:
        """Remove an item; its files stay, since other scenes may share them."""
        self._catalogue.remove(*self._require(request))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _check(self, wanted: NewScene) -> Scene | None:
        """Check what a new scene names, and return the scene whose files it is to have."""
        if wanted.collection not in COLLECTIONS:
            raise _bad_request(f"There is no collection '{wanted.collection}'; there are {', '.join(COLLECTIONS)}.")
        if wanted.tile not in TILES:
            raise _bad_request(f"There is no tile '{wanted.tile}'; there are {', '.join(TILES)}.")
        try:
            times_of(wanted.properties)
        except ValueError as error:
            raise _bad_request(f"A time among the properties is wrong: {error}.") from None
        if wanted.files_of is None:
            return None
        scene = self._catalogue.scenes.get((wanted.collection, wanted.files_of))
        if scene is None:
            raise _bad_request(f"There is no scene '{wanted.files_of}' in '{wanted.collection}' to take files of.")
        return scene

    def _require(self, request: Request) -> tuple[str, str]:
        collection, item_id = request.path_params["collection"], request.path_params["item"]
        if (collection, item_id) not in self._catalogue.scenes:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no scene '{item_id}' in '{collection}'.")
        return collection, item_id


async def _json(request: Request) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise _bad_request(f"The body is no JSON: {error}.") from None


def _bad_request(sentence: str) -> HTTPException:
    return HTTPException(HTTPStatus.BAD_REQUEST, sentence)
