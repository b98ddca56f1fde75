"""A collection with everything that real configurations have: long names, names that are alike, nested options."""

from typing import Any

from tests.data.documents import collection

LOW_CLOUD = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 10]}
# The names are over the limits of 40 and 30 characters, or differ only where an id or a cut would not show it.
RENDER_OPTIONS: list[dict[str, Any]] = [
    {"name": "Natural color", "description": "As the eye sees it", "options": "assets=visual&nodata=0", "min_zoom": 9},
    {"name": "Natural: color", "options": "assets=B04&assets=B03&assets=B02&nodata=0", "min_zoom": 9},
    {"name": "Depth of the water above the ground, in metres", "options": "assets=a", "legend": {"type": "continuous"}},
    {
        "name": "Depth of the water above the ground, in centimetres",
        "options": "assets=b",
        "legend": {"type": "classmap", "labels": ["no_data", "Water"], "trim_start": 1, "scale_factor": None},
        "conditions": [{"property": "sar:polarizations", "value": ["VV", "VH"]}],
    },
    {
        "name": "Outlines",
        "type": "vt-polygon",
        "vector_options": {"tilejson_key": "outlines", "source_layer": "all", "stroke_width": 1, "filter": None},
    },
]
MOSAICS: list[dict[str, Any]] = [
    {"name": "Most recent", "description": None, "cql": []},
    {
        "name": "Dec \N{EN DASH} Feb, 2024 (low cloud)",
        "cql": [
            {"op": "anyinteracts", "args": [{"property": "datetime"}, {"interval": ["2023-12-01", "2024-02-29"]}]},
            LOW_CLOUD,
        ],
    },
    {"name": "Summer", "cql": [{"op": "anyinteracts", "args": [{"property": "datetime"}, ["2024-06-01", None]]}]},
    {"name": "One day", "cql": [{"op": "=", "args": [{"property": "datetime"}, {"timestamp": "2024-06-01"}]}]},
    {"name": "Two polarizations", "cql": [{"op": "=", "args": [{"property": "sar:polarizations"}, ["VV", "VH"]]}]},
]
LOCATION = {"zoom": 9, "coordinates": [63.863, -22.421]}


def rich_definition(collection_id: str) -> dict[str, Any]:
    """Make a STAC Collection with fields at every level."""
    return collection(
        collection_id,
        title="Scenes",
        keywords=["water", "land"],
        providers=[{"name": "Own", "roles": ["producer"], "url": "https://own.example"}],
        summaries={
            "platform": ["a", "b"],
            "gsd": [10, 20.5],
            "eo:bands": [{"name": "B04", "center_wavelength": 0.665}],
        },
        item_assets={"visual": {"type": "image/tiff", "roles": ["visual"]}},
        extent={
            "spatial": {"bbox": [[-25, 63, -13, 67]]},
            "temporal": {"interval": [["2015-06-27T10:25:31Z", None]]},
        },
        links=[
            {"rel": "license", "href": "https://own.example/license"},
            {"rel": "describedby", "href": "https://own.example", "title": "More", "type": "text/html"},
        ],
    )


def as_message(collection_id: str) -> dict[str, Any]:
    """Make a message that gives every part by itself."""
    return {
        "definition": rich_definition(collection_id),
        "render_options": RENDER_OPTIONS,
        "mosaics": MOSAICS,
        "tile_settings": {"minZoom": 7, "max_items_per_tile": 20, "defaultLocation": LOCATION},
        "queryables": [{"name": "eo:cloud_cover", "definition": {"type": "number"}, "dataType": "number"}],
        "partition_type": {"scheme": "year"},
    }


def as_planetary_computer_files(collection_id: str) -> dict[str, Any]:
    """Make a message of what the Planetary Computer's collection.json and config.json hold."""
    of_the_service = {
        "assets": {"thumbnail": {"href": "https://a.example/thumb.png"}, "geoparquet-items": {"href": "abfs://items"}},
        "msft:storage_account": "account",
        "msft:container": "container",
    }
    return {
        "definition": rich_definition(collection_id) | of_the_service,
        "mosaic_info": {
            "mosaics": MOSAICS,
            "render_options": RENDER_OPTIONS,
            "default_location": LOCATION,
            "default_custom_query": {"op": "args"},
            "animation_hint": None,
        },
        "render_config": {"minzoom": 7, "max_items_per_tile": 20, "hidden": False, "render_params": {"nodata": 0}},
    }
