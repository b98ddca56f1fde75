"""The official client drives the stac routes; what it parses is checked."""

import datetime as dt

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.planetarycomputer import PlanetaryComputerProClient
from azure.planetarycomputer.models import (
    FilterLanguage,
    PartitionType,
    RenderOption,
    RenderOptionType,
    SearchOptionsFields,
    StacItem,
    StacMosaic,
    StacQueryable,
    StacSearchParameters,
    StacSearchSortingDirection,
    StacSortExtension,
    TileSettings,
)

from .seed import COLLECTION, collection, item


def test_a_collection_lives_and_dies(client: PlanetaryComputerProClient) -> None:
    client.stac.begin_create_collection(collection("lifecycle")).result()
    made = client.stac.get_collection("lifecycle")
    assert made.title == "Collection lifecycle"
    assert made.created_on is not None
    assert made.created_on.tzinfo is not None
    assert {link.rel for link in made.links} >= {"items", "parent", "root", "self"}
    with pytest.raises(ResourceExistsError):
        client.stac.begin_create_collection(collection("lifecycle"))
    made.description = "changed"
    assert client.stac.replace_collection("lifecycle", made).description == "changed"
    client.stac.replace_partition_type("lifecycle", PartitionType(scheme="month"))
    assert client.stac.get_partition_type("lifecycle").scheme == "month"
    client.stac.begin_delete_collection("lifecycle").result()
    with pytest.raises(ResourceNotFoundError, match="Please verify the collection ID"):
        client.stac.get_collection("lifecycle")


def test_an_item_is_added_patched_replaced_and_deleted(client: PlanetaryComputerProClient) -> None:
    posted = item(500)
    client.stac.begin_create_item(COLLECTION, StacItem(posted)).result()
    stored = client.stac.get_item(COLLECTION, "scene-500")
    assert stored.e_tag
    assert stored.timestamp is not None
    assert stored.timestamp - dt.datetime.now(dt.UTC) < dt.timedelta(minutes=1)
    assert stored.assets["image"].href != posted["assets"]["image"]["href"]
    assert stored.assets["image"].href.endswith("/scene-500/image.tif")

    client.stac.begin_update_item(COLLECTION, "scene-500", {"properties": {"platform": "patched"}}).result()
    assert client.stac.get_item(COLLECTION, "scene-500").properties.platform == "patched"

    posted["properties"]["platform"] = "replaced"
    client.stac.begin_replace_item(COLLECTION, "scene-500", StacItem(posted)).result()
    assert client.stac.get_item(COLLECTION, "scene-500").properties.platform == "replaced"

    client.stac.begin_delete_item(COLLECTION, "scene-500").result()
    with pytest.raises(ResourceNotFoundError):
        client.stac.get_item(COLLECTION, "scene-500")


def test_a_duplicate_item_fails_in_its_operation(client: PlanetaryComputerProClient) -> None:
    with pytest.raises(HttpResponseError):
        client.stac.begin_create_item(COLLECTION, StacItem(item(1))).result()
    failed = next(iter(client.ingestion.list_operations(status="Failed")))
    assert failed.status_history[-1].error_code == "ItemAlreadyExistsInCollection"
    assert failed.error is not None
    assert failed.error.error is not None
    assert failed.error.error.code == "ItemAlreadyExistsInCollection"
    assert failed.additional_information == {
        "TotalItems": "1",
        "TotalPendingItems": "0",
        "TotalSuccessfulItems": "0",
        "TotalFailedItems": "1",
    }


def test_items_are_listed_in_pages_by_token(client: PlanetaryComputerProClient) -> None:
    found: list[str] = []
    token = None
    while True:
        page = client.stac.get_item_collection(COLLECTION, limit=5, datetime="2022-03-01T00:00:00Z/..", token=token)
        found += [one.id for one in page.features]
        following = [link for link in page.links or [] if link.rel == "next"]
        if not following:
            break
        token = following[0].href.partition("token=")[2]
    assert found == [f"scene-{number:03d}" for number in range(11, -1, -1)]


def test_search_filters_sorts_and_picks_fields(client: PlanetaryComputerProClient) -> None:
    found = client.stac.search(
        StacSearchParameters(
            collections=[COLLECTION],
            filter_lang=FilterLanguage.CQL2_JSON,
            filter={"op": "<", "args": [{"property": "eo:cloud_cover"}, 3]},
            sort_by=[StacSortExtension(field="eo:cloud_cover", direction=StacSearchSortingDirection.DESC)],
            fields=[SearchOptionsFields(include=["id", "properties.eo:cloud_cover"])],
        )
    )
    assert [one.id for one in found.features] == ["scene-002", "scene-001", "scene-000"]
    assert found.features[0].as_dict().keys() == {"type", "id", "collection", "properties"}
    signed = client.stac.search(StacSearchParameters(ids=["scene-001"], limit=1), sign="true", duration_in_minutes=5)
    assert "sig=" in signed.features[0].assets["image"].href


def test_configurations_are_added_replaced_and_deleted(client: PlanetaryComputerProClient) -> None:
    stac = client.stac
    option = RenderOption(id="natural", name="Natural color", type=RenderOptionType.RASTER_TILE, options="assets=image")
    assert stac.create_render_option("one", option).min_zoom == 12
    with pytest.raises(ResourceExistsError):
        stac.create_render_option("one", option)
    option.name = "Renamed"
    assert stac.replace_render_option("one", "natural", option).name == "Renamed"
    mosaic = StacMosaic(id="recent", name="Most recent", cql=[])
    assert stac.add_mosaic("one", mosaic).description is None
    location = {"zoom": 8, "coordinates": [47.0, 8.0]}
    stac.replace_tile_settings("one", TileSettings({"minZoom": 8, "maxItemsPerTile": 20, "defaultLocation": location}))
    stac.create_queryables(
        "one", [StacQueryable(name="eo:cloud_cover", data_type="number", definition={"type": "number"})]
    )
    overview = stac.get_collection_configuration("one")
    assert [one.name for one in overview.mosaic_configuration.render_options] == ["Renamed"]
    assert [one.id for one in overview.mosaic_configuration.mosaics] == ["recent"]
    assert overview.tile_settings.min_zoom == 8
    assert stac.get_collection_queryables("one")["properties"]["eo:cloud_cover"] == {"type": "number"}
    stac.delete_render_option("one", "natural")
    stac.delete_mosaic("one", "recent")
    stac.delete_queryable("one", "eo:cloud_cover")
    with pytest.raises(ResourceNotFoundError, match="Render Option 'natural' not found for collection 'one'"):
        stac.get_render_option("one", "natural")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "-a"},
        {"id": "a" * 31},
        {"name": "n" * 41},
        {"name": ""},
        {"minZoom": 25},
        {"type": "vt-line"},
        {"legend": {"type": "rainbow"}},
    ],
)
def test_a_wrong_render_option_is_refused(client: PlanetaryComputerProClient, wrong: dict[str, object]) -> None:
    body = {"id": "a", "name": "A", "type": "raster-tile", "options": "assets=image", **wrong}
    with pytest.raises(HttpResponseError) as caught:
        client.stac.create_render_option("two", RenderOption(body))
    assert caught.value.status_code == 400
    assert caught.value.error is not None
    assert caught.value.error.code == "BadRequest"
