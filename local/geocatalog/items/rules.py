"""What the service takes as an item or a collection: names, sizes, required fields."""

import re
from collections.abc import Callable
from typing import Any

from local.basics.rfc3339 import parse_rfc3339
from local.geocatalog.decisions import Decisions
from local.geocatalog.errors import IngestionError, IngestionErrorCode, RequestError, bad_request
from local.stac_search.boxes import is_bbox

# The service's published limits (its error codes page and its troubleshooting page).
MAX_ASSETS = 100
MAX_ITEM_ID_CHARACTERS = 149
MAX_ASSET_KEY_CHARACTERS = 255

# No limit is published for a batch; 10,000 is the figure of the draft limits page.
MAX_BATCH_ITEMS = 10_000

_ITEM_NAME = re.compile(r"[A-Za-z0-9\-_+,().]+")
_ABSOLUTE_URL = re.compile(r"(?i)https?://[^\s/?#]+([/?#]|\Z)")
_S3_URL = re.compile(r"(?i)s3://[^/?#]+/.")
_COLLECTION_NAME = re.compile(r"[A-Za-z0-9\-_.]+")

_GEOMETRY_TYPES = frozenset(
    {
        "Point",
        "MultiPoint",
        "LineString",
        "MultiLineString",
        "Polygon",
        "MultiPolygon",
        "GeometryCollection",
    }
)


def check_is_item(body: object) -> dict[str, Any]:
    """Check that a value is an item at all.

    Args:
        body: A posted value, or a member of a posted FeatureCollection.

    Returns:
        The value.

    Raises:
        RequestError: 400, where it is something else.
    """
    if not isinstance(body, dict):
        raise bad_request("The body must be a STAC Item or a FeatureCollection of STAC Items.")
    if body.get("type") != "Feature":
        raise bad_request("The field 'type' must be 'Feature' or 'FeatureCollection'.")
    if not isinstance(body.get("id"), str) or not body["id"]:
        raise bad_request("The field 'id' of the item is required and must be a string.")
    return body


def check_item(item: dict[str, Any], collection_id: str, size: int, decisions: Decisions) -> None:
    """Check an item as deeply as the service does before it ingests it.

    Args:
        item: A value that passed `check_is_item`.
        collection_id: The collection it was posted to.
        size: Length of its JSON in bytes.
        decisions: The largest size, and what happens to `s3` hrefs.

    Raises:
        IngestionError: The first rule that it breaks.
    """
    if size > decisions.max_item_bytes:
        message = f"Item '{item['id'][:150]}' has {size} bytes; the limit is {decisions.max_item_bytes}"
        raise IngestionError(IngestionErrorCode.ITEM_SIZE_EXCEEDED, message)
    for check in (_check_names, _check_fields, _check_geometry, _check_properties):
        check(item, collection_id)
    _check_assets(item, decisions)


def _check_names(item: dict[str, Any], collection_id: str) -> None:
    if not _ITEM_NAME.fullmatch(item["id"]) or len(item["id"]) > MAX_ITEM_ID_CHARACTERS:
        raise _invalid(item, "the id may hold A-Z a-z 0-9 - _ + , ( ) . only, and be shorter than 150 characters")
    if item.get("collection", collection_id) != collection_id:
        raise _invalid(item, f"the field 'collection' must be '{collection_id}'")


def _check_fields(item: dict[str, Any], _collection_id: str) -> None:
    if not isinstance(item.get("stac_version"), str):
        raise _invalid(item, "'stac_version' is a required property")
    for name, kind in (("properties", dict), ("assets", dict), ("links", list)):
        if not isinstance(item.get(name), kind):
            raise _invalid(item, f"'{name}' is a required property of the type {kind.__name__}")
    extensions = item.get("stac_extensions", [])
    if not isinstance(extensions, list) or not all(isinstance(one, str) for one in extensions):
        raise _invalid(item, "'stac_extensions' must be a list of strings")


def _check_geometry(item: dict[str, Any], _collection_id: str) -> None:
    if "geometry" not in item:
        raise _invalid(item, "'geometry' is a required property")
    geometry = item["geometry"]
    if geometry is None:
        return
    coordinates = "geometries" if _type_of(geometry) == "GeometryCollection" else "coordinates"
    if _type_of(geometry) not in _GEOMETRY_TYPES or not isinstance(geometry.get(coordinates), list):
        raise _invalid(item, "'geometry' is not a GeoJSON geometry")
    if not is_bbox(item.get("bbox")):
        raise _invalid(item, "'bbox' must be 4 or 6 numbers where there is a geometry")


def _type_of(geometry: object) -> object:
    return geometry.get("type") if isinstance(geometry, dict) else None


def _check_properties(item: dict[str, Any], _collection_id: str) -> None:
    properties = item["properties"]
    if "datetime" not in properties:
        raise _invalid(item, "'datetime' is a required property of 'properties'")
    times = ["datetime", "start_datetime", "end_datetime"]
    if properties["datetime"] is None:
        times.remove("datetime")
        if not (properties.get("start_datetime") and properties.get("end_datetime")):
            raise _invalid(item, "'start_datetime' and 'end_datetime' are required where 'datetime' is null")
    for name in times:
        if name in properties:
            try:
                parse_rfc3339(properties[name])
            except ValueError as error:
                raise _invalid(item, f"'{name}': {error}") from None


def _check_assets(item: dict[str, Any], decisions: Decisions) -> None:
    assets = item["assets"]
    if len(assets) > MAX_ASSETS:
        message = f"Item '{item['id']}' has {len(assets)} assets; the limit is {MAX_ASSETS}"
        raise IngestionError(IngestionErrorCode.TOTAL_ASSETS_EXCEEDED, message)
    for key, asset in assets.items():
        if not _ITEM_NAME.fullmatch(key) or len(key) > MAX_ASSET_KEY_CHARACTERS:
            raise _invalid(
                item,
                f"the asset key '{key[:60]}' may hold A-Z a-z 0-9 - _ + , ( ) . only, and be shorter than "
                "256 characters",
            )
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            raise _invalid(item, f"the asset '{key}' must be an object with an 'href'")
        _check_asset_href(key, asset["href"], decisions)


def is_s3(href: str) -> bool:
    """Tell whether an address is one of Amazon S3, such as `s3://bucket/key`."""
    return _S3_URL.match(href) is not None


def _check_asset_href(key: str, href: str, decisions: Decisions) -> None:
    if is_s3(href):
        if decisions.s3_href == "failed":
            message = f"The href of the asset '{key}' is not valid. The scheme s3 is not supported"
            raise IngestionError(IngestionErrorCode.INVALID_ASSET_HREF, message)
    elif not _ABSOLUTE_URL.match(href):
        message = f"The href of the asset '{key}' is not valid. Only absolute URLs are supported"
        raise IngestionError(IngestionErrorCode.INVALID_ASSET_HREF, message)


def _invalid(item: dict[str, Any], reason: str) -> IngestionError:
    message = f"Item '{item['id'][:150]}' is not a valid STAC Item: {reason}"
    return IngestionError(IngestionErrorCode.STAC_VALIDATION_FAILED, message)


def check_collection(body: object) -> dict[str, Any]:
    """Check a collection that is to be created or replaced.

    Args:
        body: A posted value.

    Returns:
        The value.

    Raises:
        RequestError: 400, naming the field.
    """
    if not isinstance(body, dict):
        raise bad_request("The body must be a STAC Collection.")
    for name, (is_right, what) in _COLLECTION_FIELDS.items():
        if not is_right(body.get(name)):
            raise bad_request(f"The field '{name}' of the collection is required and must be {what}.")
    _check_extent(body["extent"])
    return body


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_COLLECTION_NAME.fullmatch(value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


_COLLECTION_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "id": (_is_name, "made of A-Z a-z 0-9 - _ ."),
    "type": (lambda value: value == "Collection", "'Collection'"),
    "stac_version": (_is_text, "a string"),
    "description": (_is_text, "a string that is not empty"),
    "license": (_is_text, "a string that is not empty"),
    "links": (lambda value: isinstance(value, list), "a list"),
    "extent": (lambda value: isinstance(value, dict), "an object"),
}


def _check_extent(extent: dict[str, Any]) -> None:
    spatial, temporal = extent.get("spatial"), extent.get("temporal")
    boxes = spatial.get("bbox") if isinstance(spatial, dict) else None
    if not isinstance(boxes, list) or not boxes or not all(is_bbox(box) for box in boxes):
        raise bad_request("The field 'extent.spatial.bbox' must be a list of boxes of 4 or 6 numbers.")
    intervals = temporal.get("interval") if isinstance(temporal, dict) else None
    if not isinstance(intervals, list) or not intervals or not all(_is_interval(one) for one in intervals):
        raise bad_request("The field 'extent.temporal.interval' must be a list of pairs of RFC 3339 times or null.")


def _is_interval(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - an interval is a pair
        return False
    try:
        for end in value:
            if end is not None:
                parse_rfc3339(end)
    except ValueError:
        return False
    return True


def check_same_id(body: dict[str, Any], wanted: str, what: str) -> RequestError | None:
    """Give the refusal of a body whose id is not the one in the path, or None."""
    if body.get("id", wanted) == wanted:
        return None
    return bad_request(f"The field 'id' of the {what} must be '{wanted}', as in the path.")


def is_asset_key(value: object) -> bool:
    """Tell whether a value can be an asset's key."""
    return isinstance(value, str) and len(value) <= MAX_ASSET_KEY_CHARACTERS and bool(_ITEM_NAME.fullmatch(value))
