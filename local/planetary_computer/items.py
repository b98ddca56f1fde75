"""The scenes as STAC items, in the shape of the open Planetary Computer's."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from local.planetary_computer.bands import METADATA, asset_definitions, raster_gsd
from local.planetary_computer.landscape import CLOUD, LAVA, SEA, SNOW, VEGETATION
from local.planetary_computer.rasters import SIZES, surface_percentages
from local.planetary_computer.scenes import BASELINE, TILE_METRES, TILES, UTM_ZONE_EPSG, Scene

LICENSE_URL = "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
RENDERING = {"assets": "visual", "asset_bidx": "visual|1,2,3", "nodata": 0, "format": "png"}


def make_item(scene: Scene, *, collection: str, container_url: str, files_of: Scene | None = None) -> dict[str, Any]:
    """Make the STAC item of a scene, without what depends on the emulator's own URL (see `with_addresses`).

    Args:
        scene: The scene.
        collection: Id of its collection.
        container_url: URL of the container with the assets, without a trailing slash.
        files_of: The scene whose files are its assets; None for its own.

    Returns:
        The item.
    """
    lons, lats = zip(*scene.footprint, strict=True)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/eo/v1.0.0/schema.json",
            "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
            "https://stac-extensions.github.io/projection/v1.0.0/schema.json",
        ],
        "id": scene.id,
        "collection": collection,
        "bbox": [min(lons), min(lats), max(lons), max(lats)],
        "geometry": {"type": "Polygon", "coordinates": [[list(corner) for corner in scene.footprint]]},
        "properties": _properties(scene),
        "links": [{"rel": "license", "href": LICENSE_URL}],
        "assets": _stored_assets(files_of or scene, container_url),
    }


def with_addresses(item: dict[str, Any], base_url: str) -> dict[str, Any]:
    """Add the links and assets that lead back to the emulator.

    Args:
        item: A stored item.
        base_url: The emulator's own URL, without a trailing slash.

    Returns:
        The whole item.
    """
    links = [*_links(item, f"{base_url}/api/stac/v1"), *item["links"]]
    return {**item, "links": links, "assets": item["assets"] | _computed_assets(item, f"{base_url}/api/data/v1")}


def blob_paths(scene: Scene) -> dict[str, str]:
    """Return the path in the container of each asset that the scene has stored."""
    zone, band, square = scene.tile[:2], scene.tile[2], scene.tile[3:]
    product = f"{zone}/{band}/{square}/{scene.time:%Y/%m/%d}/{scene.product}"
    stem = f"T{scene.tile}_{scene.time:%Y%m%dT%H%M%S}"
    paths = {}
    for key in asset_definitions():
        if key in METADATA:
            name = METADATA[key][1].format(granule=scene.granule, datastrip=scene.datastrip)
        elif key == "preview":
            name = f"GRANULE/{scene.granule}/QI_DATA/{stem}_PVI.tif"
        else:
            gsd = raster_gsd(key)
            code = "TCI" if key == "visual" else key
            name = f"GRANULE/{scene.granule}/IMG_DATA/R{gsd}m/{stem}_{code}_{gsd}m.tif"
        if key != "preview" or scene.has_preview:
            paths[key] = f"{product}/{name}"
    return paths


def _properties(scene: Scene) -> dict[str, Any]:
    surfaces = surface_percentages(scene)
    strip = f"{scene.mission}_OPER_MSI_L2A_{{}}_2BPS_{scene.generated:%Y%m%dT%H%M%S}"
    version = f"N{BASELINE}"
    return {
        "datetime": _timestamp(scene.time),
        "platform": scene.platform,
        "constellation": "Sentinel 2",
        "instruments": ["msi"],
        "eo:cloud_cover": surfaces[CLOUD],
        "proj:epsg": UTM_ZONE_EPSG,
        "sat:orbit_state": "descending",
        "sat:relative_orbit": scene.orbit,
        "s2:mgrs_tile": scene.tile,
        "s2:product_uri": scene.product,
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": BASELINE,
        "s2:generation_time": _timestamp(scene.generated),
        "s2:granule_id": f"{strip.format('TL')}_A{scene.absolute_orbit:06}_T{scene.tile}_{version}",
        "s2:datastrip_id": f"{strip.format('DS')}_S{scene.time:%Y%m%dT%H%M%S}_{version}",
        "s2:datatake_id": f"G{scene.mission}_{scene.time:%Y%m%dT%H%M%S}_{scene.absolute_orbit:06}_{version}",
        "s2:datatake_type": "INS-NOBS",
        "s2:mean_solar_zenith": round(80.0 - (scene.time - _MIDWINTER) / dt.timedelta(days=6), 6),
        "s2:mean_solar_azimuth": round(172.0 + 15 * (scene.time.hour - 12) + scene.time.minute / 4, 6),
        "s2:nodata_pixel_percentage": surfaces[-1],
        "s2:water_percentage": surfaces[SEA],
        "s2:vegetation_percentage": surfaces[VEGETATION],
        "s2:not_vegetated_percentage": surfaces[LAVA],
        "s2:snow_ice_percentage": surfaces[SNOW],
        "s2:high_proba_clouds_percentage": surfaces[CLOUD],
        "s2:medium_proba_clouds_percentage": 0.0,
        "s2:thin_cirrus_percentage": 0.0,
        "s2:cloud_shadow_percentage": 0.0,
        "s2:dark_features_percentage": 0.0,
        "s2:unclassified_percentage": 0.0,
        "s2:degraded_msi_data_percentage": 0.0,
        "s2:saturated_defective_pixel_percentage": 0.0,
    }


_MIDWINTER = dt.datetime(2023, 12, 22, tzinfo=dt.UTC)


def _links(item: dict[str, Any], stac_url: str) -> list[dict[str, str]]:
    collection = f"{stac_url}/collections/{item['collection']}"
    return [
        {"rel": "collection", "type": "application/json", "href": collection},
        {"rel": "parent", "type": "application/json", "href": collection},
        {"rel": "root", "type": "application/json", "href": f"{stac_url}/"},
        {"rel": "self", "type": "application/geo+json", "href": f"{collection}/items/{item['id']}"},
    ]


def _stored_assets(scene: Scene, container_url: str) -> dict[str, Any]:
    definitions = asset_definitions()
    assets = {}
    for key, path in blob_paths(scene).items():
        assets[key] = {"href": f"{container_url}/{path}"} | definitions[key]
        if "gsd" in definitions[key]:
            assets[key] |= _projection(scene, SIZES[raster_gsd(key)])
    return assets


def _projection(scene: Scene, size: int) -> dict[str, Any]:
    tile = TILES[scene.tile]
    west, north = float(tile.easting), float(tile.northing)
    pixel = TILE_METRES / size
    return {
        "proj:bbox": [west, north - TILE_METRES, west + TILE_METRES, north],
        "proj:shape": [size, size],
        "proj:transform": [pixel, 0.0, west, 0.0, -pixel, north],
    }


def _computed_assets(item: dict[str, Any], data_url: str) -> dict[str, Any]:
    query = urlencode({"collection": item["collection"], "item": item["id"]} | RENDERING, safe=",")
    return {
        "tilejson": {
            "title": "TileJSON with default rendering",
            "href": f"{data_url}/item/tilejson.json?{query}",
            "type": "application/json",
            "roles": ["tiles"],
        },
        "rendered_preview": {
            "title": "Rendered preview",
            "rel": "preview",
            "href": f"{data_url}/item/preview.png?{query}",
            "roles": ["overview"],
            "type": "image/png",
        },
    }


def _timestamp(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z"
