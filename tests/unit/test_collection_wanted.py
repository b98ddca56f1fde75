from typing import Any

import pytest

from shared.basics.errors import BadContent, ErrorCode
from shared.configuration.shapes import Part, in_service_spelling
from shared.configuration.wanted import WantedCollection, wanted_collection, with_planetary_computer
from shared.messages.models import CollectionMessage
from shared.messages.reading import parse_message
from shared.stac.collections import prepare_collection
from tests.data.documents import collection

RENDER_OPTION = {"name": "Natural color", "type": "raster-tile", "options": "assets=visual", "minZoom": 9}
CQL = [{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 10]}]

# The Planetary Computer's two spellings of the same: its data API's mosaic info, and its config.json.
MOSAIC_INFO: dict[str, Any] = {
    "mosaics": [{"name": "Most recent", "description": None, "cql": CQL}],
    "renderOptions": [{"name": "Natural color", "type": "raster-tile", "options": "assets=visual", "minZoom": 9}],
    "defaultLocation": {"zoom": 8, "coordinates": [47.1, -122.0]},
}
CONFIG: dict[str, Any] = {
    "mosaic_info": {
        "mosaics": [{"name": "Most recent", "description": None, "cql": CQL}],
        "render_options": [{"name": "Natural color", "type": "raster-tile", "options": "assets=visual", "min_zoom": 9}],
        "default_location": {"zoom": 8, "coordinates": [47.1, -122.0]},
    },
    "render_config": {"minzoom": 9, "max_items_per_tile": 20},
}


def wanted(definition: dict[str, Any] | None = None, **fields: Any) -> WantedCollection:
    message = parse_message(CollectionMessage, {"definition": definition or collection(), **fields})
    return wanted_collection("scenes", message, definition or collection())


# The definition


def test_managed_fields_links_and_assets_are_left_out() -> None:
    definition = collection(
        assets={"thumbnail": {"href": "https://a.example/x.png"}},
        links=[
            {"rel": "self", "href": "https://a.example"},
            {"rel": "items", "href": "https://a.example"},
            {"rel": "license", "href": "https://a.example/license"},
        ],
        item_assets={"visual": {"type": "image/tiff"}},
        **{"msft:_created": "x", "msft:storage_account": "a", "msft:container": "c"},
    )

    cleaned = prepare_collection("scenes", definition).definition

    assert cleaned == collection(
        links=[{"rel": "license", "href": "https://a.example/license"}], item_assets=definition["item_assets"]
    )


def test_id_and_title_of_the_message_win() -> None:
    cleaned = prepare_collection("mine", collection(title="Theirs"), title="Mine").definition

    assert cleaned["id"] == "mine"
    assert cleaned["title"] == "Mine"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "Catalog"}, "type: it must be Collection"),
        ({"description": ""}, "description: it is empty"),
        ({"license": None, "extent": {}}, "license, extent/spatial, extent/temporal: it is missing"),
        ({"links": {}}, None),
        ({"links": "x"}, None),
        ({"links": ["x", None, {"rel": "license"}]}, None),
    ],
)
def test_what_is_no_collection_is_refused(change: dict[str, Any], said: str | None) -> None:
    definition = collection(**change)
    if said is None:
        assert prepare_collection("scenes", definition).definition["links"] == []
        return
    with pytest.raises(BadContent, match=said) as caught:
        prepare_collection("scenes", definition)
    assert caught.value.code == ErrorCode.INVALID_STAC


# The parts of the configuration


def test_parts_that_are_not_given_are_left_alone() -> None:
    found = wanted()

    assert found.render_options is None
    assert found.mosaics is None
    assert found.tile_settings is None
    assert found.queryables is None
    assert found.partition_type is None
    assert found.thumbnail is None
    assert not found.prune


def test_snake_case_and_camel_case_are_the_same() -> None:
    camel = wanted(render_options=[RENDER_OPTION], tile_settings={"minZoom": 7, "maxItemsPerTile": 10})
    snake = wanted(
        render_options=[{"name": "Natural color", "options": "assets=visual", "min_zoom": 9}],
        tile_settings={"min_zoom": 7, "max_items_per_tile": 10},
    )

    assert camel.render_options == snake.render_options == [{**RENDER_OPTION, "id": "natural-color"}]
    assert camel.tile_settings == snake.tile_settings == {"minZoom": 7, "maxItemsPerTile": 10}


def test_tile_settings_are_those_that_are_named() -> None:
    assert wanted(tile_settings={"minZoom": 7}).tile_settings == {"minZoom": 7}


def test_the_shape_of_config_json_is_taken() -> None:
    found = wanted(**CONFIG)

    assert found.render_options == [{**RENDER_OPTION, "id": "natural-color"}]
    assert found.mosaics == [{"name": "Most recent", "cql": CQL, "id": "most-recent"}]
    assert found.tile_settings == {
        "minZoom": 9,
        "maxItemsPerTile": 20,
        "defaultLocation": {"zoom": 8, "coordinates": [47.1, -122.0]},
    }


def test_explicit_parts_win_over_mosaic_info() -> None:
    found = wanted(**CONFIG, mosaics=[{"name": "All"}])

    assert found.mosaics == [{"name": "All", "cql": [], "id": "all"}]
    assert found.render_options == [{**RENDER_OPTION, "id": "natural-color"}]


def test_names_inside_cql_are_kept() -> None:
    cql = [{"op": "=", "args": [{"property": "my_set:some_name"}, "a_b"], "some_key": {"other_key": 1}}]

    found = wanted(mosaics=[{"name": "All", "cql": cql}])

    assert found.mosaics
    assert found.mosaics[0]["cql"] == cql


def test_the_planetary_computer_fills_what_the_message_leaves_open() -> None:
    source = collection(assets={"thumbnail": {"href": "https://ai4edata.example/thumb.png"}})

    found = with_planetary_computer(wanted(mosaics=[{"name": "All"}]), source, MOSAIC_INFO)

    assert found.mosaics == [{"name": "All", "cql": [], "id": "all"}]
    assert found.render_options == [{**RENDER_OPTION, "id": "natural-color"}]
    assert found.tile_settings == {"defaultLocation": {"zoom": 8, "coordinates": [47.1, -122.0]}}
    assert found.thumbnail
    assert found.thumbnail.href == "https://ai4edata.example/thumb.png"
    assert found.trusts_thumbnail


def test_a_thumbnail_of_the_message_is_not_trusted() -> None:
    own = wanted(thumbnail={"href": "https://a.example/x.png"})

    assert not with_planetary_computer(own, collection(), MOSAIC_INFO).trusts_thumbnail


@pytest.mark.parametrize(
    "info",
    [{"mosaics": "x"}, {"mosaics": ["x"]}, {"renderOptions": {"name": "x"}}, {"render_options": [3]}],
)
def test_mosaic_info_of_another_shape_is_refused(info: dict[str, Any]) -> None:
    found = wanted(mosaic_info=info)

    assert [str(refusal).startswith("mosaic_info.") for refusal in found.refused] == [True]
    assert "It is not" in found.refused[0].why


def test_what_the_planetary_computer_has_besides_is_left_out() -> None:
    found = wanted(mosaic_info={"mosaics": [{"name": "All", "cql": [], "rank": 1}], "animation_hint": {}})

    assert found.mosaics == [{"name": "All", "cql": [], "id": "all"}]
    assert found.refused == ()


def test_no_entries_are_something_else_than_none() -> None:
    assert wanted(mosaics=[]).mosaics == []
    assert wanted(**CONFIG, mosaics=[]).mosaics == []
    assert wanted().mosaics is None


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({"assets": {"a": {}}}, True),
        ({"assets": {"thumbnail": {}}}, True),
        ({"assets": {"a": {}}, "msft:container": "c"}, False),
        ({"assets": {"a": {}}, "msft:_created": "2024-01-01T00:00:00Z"}, False),
        ({"assets": {}}, False),
    ],
)
def test_own_assets_are_left_out_with_a_note_and_those_of_a_service_without(
    definition: dict[str, Any], told: bool
) -> None:
    found = wanted(collection(**definition))

    assert any("assets/" in sentence for sentence in found.conversions) is told
    assert found.refusals(Part.DEFINITION) == []
    assert found.definition == collection()


def test_the_service_spelling_reaches_every_level_but_not_the_names_of_others() -> None:
    option = {
        "min_zoom": 3,
        "description": None,
        "vector_options": {"source_layer": "a_b", "filter": ["all_of", {"some_key": 1}]},
        "legend": {"trim_start": 1, "labels": ["no_data"]},
        "conditions": [{"property": "a_b", "value": {"c_d": 1}}],
    }

    assert in_service_spelling(Part.RENDER_OPTIONS, option) == {
        "minZoom": 3,
        "vectorOptions": {"sourceLayer": "a_b", "filter": ["all_of", {"some_key": 1}]},
        "legend": {"trimStart": 1, "labels": ["no_data"]},
        "conditions": [{"property": "a_b", "value": {"c_d": 1}}],
    }
    assert in_service_spelling(Part.QUERYABLES, {"dataType": "date", "createIndex": True}) == {
        "data_type": "date",
        "create_index": True,
    }
