"""The collections, in the shape of the open Planetary Computer's."""

from dataclasses import dataclass
from typing import Any

from local.planetary_computer.bands import BANDS, asset_definitions
from local.planetary_computer.mosaic_info import AWKWARD, PLAIN
from local.planetary_computer.scenes import SCENES, Scene

STORAGE_ACCOUNT = "sentinel2l2a01"
CONTAINER = "sentinel2-l2"
LICENSE_URL = (
    "https://scihub.copernicus.eu/twiki/pub/SciHubWebPortal/TermsConditions/Sentinel_Data_Terms_and_Conditions.pdf"
)
DESCRIPTION = """\
Sentinel-2 is a pair of satellites of the Copernicus programme that photograph land and coasts in thirteen bands, \
from visible blue to short wave infrared, every few days. Level-2A products hold the reflectance at the ground, \
with the effect of the atmosphere taken out.

The scenes here are made up: small, deterministic landscapes on the grid of southern Iceland, to develop and test \
with. They have the files, names and metadata of the real ones, and none of their content.
"""


@dataclass(frozen=True)
class CollectionSpec:
    """What tells one collection from another.

    Attributes:
        id: Its id.
        title: What it is called.
        scenes: The scenes that it starts with.
        mosaic_info: How the data API proposes to show it.
    """

    id: str
    title: str
    scenes: tuple[Scene, ...]
    mosaic_info: dict[str, Any]


TUTORIAL_COLLECTION = CollectionSpec("sentinel-2-l2a", "Sentinel-2 Level-2A", SCENES, PLAIN)
NEIGHBOURS = CollectionSpec(
    "sentinel-2-neighbours",
    "Sentinel-2 Level-2A beside the tutorial's box",
    tuple(scene for scene in SCENES if scene.tile != "27VVL"),
    AWKWARD,
)
COLLECTIONS = {spec.id: spec for spec in (TUTORIAL_COLLECTION, NEIGHBOURS)}


def make_collection(spec: CollectionSpec, *, base_url: str, storage_account: str) -> dict[str, Any]:
    """Make a STAC Collection.

    Args:
        spec: What tells it from others.
        base_url: The emulator's own URL, without a trailing slash.
        storage_account: The storage account's name, or its blob endpoint where a name would lead elsewhere.

    Returns:
        The collection.
    """
    stac_url = f"{base_url}/api/stac/v1"
    own_url = f"{stac_url}/collections/{spec.id}"
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/item-assets/v1.0.0/schema.json",
            "https://stac-extensions.github.io/table/v1.2.0/schema.json",
        ],
        "id": spec.id,
        "title": spec.title,
        "description": DESCRIPTION,
        "keywords": ["Sentinel", "Copernicus", "ESA", "Satellite", "Imagery", "Reflectance", "Iceland"],
        "license": "proprietary",
        "providers": [
            {
                "name": "ESA",
                "roles": ["producer", "licensor"],
                "url": "https://sentinel.esa.int/web/sentinel/missions/sentinel-2",
            },
            {"name": "Microsoft", "roles": ["host"], "url": "https://planetarycomputer.microsoft.com"},
        ],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2015-06-27T10:25:31Z", None]]},
        },
        "summaries": {
            "constellation": ["sentinel-2"],
            "platform": ["Sentinel-2A", "Sentinel-2B"],
            "instruments": ["msi"],
            "gsd": [10, 20, 60],
            "view:off_nadir": [0],
            "eo:bands": [band.eo_band() | {"gsd": band.gsd} for band in BANDS.values()],
        },
        "item_assets": asset_definitions(),
        "assets": {
            "thumbnail": {
                "href": f"{base_url}/thumbnails/{spec.id}.png",
                "type": "image/png",
                "roles": ["thumbnail"],
                "title": spec.title,
            },
            "geoparquet-items": {
                "href": f"abfs://items/{spec.id}.parquet",
                "type": "application/x-parquet",
                "roles": ["stac-items"],
                "title": "GeoParquet STAC items",
                "description": "Snapshot of the collection's STAC items in GeoParquet.",
                "msft:partition_info": {"is_partitioned": True, "partition_frequency": "W-MON"},
                "table:storage_options": {"account_name": "pcstacitems"},
            },
        },
        "links": [
            {"rel": "items", "type": "application/geo+json", "href": f"{own_url}/items"},
            {"rel": "parent", "type": "application/json", "href": f"{stac_url}/"},
            {"rel": "root", "type": "application/json", "href": f"{stac_url}/"},
            {"rel": "self", "type": "application/json", "href": own_url},
            {"rel": "license", "title": "Copernicus Sentinel data terms", "href": LICENSE_URL},
        ],
        "msft:storage_account": storage_account,
        "msft:container": CONTAINER,
        "msft:region": "westeurope",
        "msft:short_description": "Multispectral scenes at 10 m to 60 m, every few days; made up, to develop with.",
    }
