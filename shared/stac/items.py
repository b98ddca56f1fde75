"""Makes a STAC Item ready to send: migrated, checked, without computed assets; and the hash of what is sent."""

import hashlib
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from shared.basics.clock import EARLIEST_MOMENT, parse_timestamp
from shared.basics.errors import BadContent, ErrorCode
from shared.basics.json_codec import canonical_json, write_json
from shared.basics.redact import redact
from shared.stac.schema import item_validator
from shared.stac.urls import unsigned

# learn.microsoft.com/azure/planetary-computer/error-codes-ingestion: ItemSizeExceeded, TotalAssetsExceeded.
MAX_ITEM_BYTES = 1_048_576
MAX_ASSETS = 100
# .../troubleshooting-ingestion: characters of an asset key, and its length (under 256).
_ASSET_KEY = re.compile(r"[A-Za-z0-9\-_+,().]{1,255}", re.ASCII)

_PUBLIC_DATA_API = "https://planetarycomputer.microsoft.com/api/data/"
# GeoCatalog adds these to what it stores; they are not part of an item.
_MANAGED_FIELDS = ("_msft:ts", "_msft:etag")

# Properties that hold a moment, by STAC's own schema.
_MOMENTS = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated"})

_CURRENT_STAC = re.compile(r"1\.\d+\.\d+")
_OLD_STAC = re.compile(r"0\.\d+\.\d+.*|1\.0\.0-.+")
# pystac loads its extensions with the first migration and counts them as loaded before they are, so that a second one
# on another thread at that moment would leave an item's extensions as they were (pystac 1.15, extensions/hooks.py).
_MIGRATION_LOCK = threading.Lock()


@dataclass(frozen=True)
class PreparedItem:
    """An item as it is sent.

    Attributes:
        body: the item, compact UTF-8 JSON.
        content_hash: SHA-256 (hex) of its content with the target collection, signatures left out.
        version: what orders its versions, if the item says so.
        datetime: the item's datetime, or its start, RFC 3339.
        bbox: its bounding box as JSON text, if it has one.
    """

    body: bytes
    content_hash: str
    version: datetime | None
    datetime: str | None
    bbox: str | None


def prepare_item(
    item: dict[str, Any],
    *,
    collection: str,
    drop_assets: Iterable[str] = (),
    version_by: str | None = None,
    planetary_computer_url: str,
) -> PreparedItem:
    """Makes an item ready to send; the given one is not changed.

    Args:
        item: a STAC Item of any version.
        collection: id of the target collection.
        drop_assets: asset keys to leave out, besides computed ones (href on the Planetary Computer's data API).
        version_by: item property that orders versions; default `updated`.
        planetary_computer_url: base URL of the Planetary Computer.

    Raises:
        BadContent: it is not STAC, or over a limit of GeoCatalog; the message says what to mend.
    """
    if item.get("type") != "Feature":
        raise BadContent('It is not a STAC Item: its type is not "Feature".', code=ErrorCode.INVALID_STAC)
    item = {name: value for name, value in _current_version(item).items() if name not in _MANAGED_FIELDS}
    item["collection"] = collection
    _check_schema(item)
    item["assets"] = _kept_assets(item["assets"], set(drop_assets), planetary_computer_url)
    _check_assets(item["assets"], collection)
    try:
        body = write_json(item)
        content_hash = hashlib.sha256(canonical_json(_without_signatures(item))).hexdigest()
    except ValueError:
        raise BadContent(
            "The item holds a number that JSON cannot carry (such as 1e400); mend it.", code=ErrorCode.INVALID_STAC
        ) from None
    if len(body) > MAX_ITEM_BYTES:
        raise BadContent(
            f"The item is {len(body):,} bytes of JSON and GeoCatalog takes at most {MAX_ITEM_BYTES:,}; "
            "move large properties into an asset.",
            code=ErrorCode.ITEM_TOO_LARGE,
        )
    properties = item["properties"]
    bbox = item.get("bbox")
    return PreparedItem(
        body=body,
        content_hash=content_hash,
        version=item_version(item, version_by),
        datetime=properties.get("datetime") or properties.get("start_datetime"),
        bbox=write_json(bbox).decode() if bbox else None,
    )


def item_version(item: dict[str, Any], version_by: str | None) -> datetime | None:
    """Reads what orders the versions of an item: the property `version_by`, otherwise `updated`.

    Returns:
        The moment; None where the item does not carry one that is a timestamp.
    """
    properties = item.get("properties")
    value = properties.get(version_by or "updated") if isinstance(properties, dict) else None
    if not isinstance(value, str):
        return None
    try:
        moment = parse_timestamp(value)
    except ValueError:
        return None
    return moment if moment >= EARLIEST_MOMENT else None


def _current_version(item: dict[str, Any]) -> dict[str, Any]:
    stac_version = item.get("stac_version")
    if isinstance(stac_version, str) and _CURRENT_STAC.fullmatch(stac_version):
        return item
    if not isinstance(stac_version, str) or not _OLD_STAC.fullmatch(stac_version):
        raise BadContent(
            "The item's stac_version is missing or not a known one; give the STAC version it follows, such as 1.0.0.",
            code=ErrorCode.INVALID_STAC,
        )
    import pystac  # noqa: PLC0415 - only items older than STAC 1.0 need it, and it is slow to import

    try:
        with _MIGRATION_LOCK:
            return pystac.Item.from_dict(item, migrate=True, preserve_dict=True).to_dict(
                include_self_link=False, transform_hrefs=False
            )
    except Exception as error:  # noqa: BLE001 - whatever a malformed old item makes pystac raise, the item is at fault
        raise BadContent(
            f"The item of STAC version {stac_version[:20]!r} cannot be brought to STAC 1: "
            f"{type(error).__name__} {redact(str(error))[:200]}.",
            code=ErrorCode.INVALID_STAC,
        ) from None


def _check_schema(item: dict[str, Any]) -> None:
    error = next(iter(item_validator().iter_errors(item)), None)
    if error is None:
        return
    place = "/".join(str(part)[:80] for part in error.instance_path) or "its top level"
    raise BadContent(f"The item is not valid STAC at {place}: {_explained(error, item)}.", code=ErrorCode.INVALID_STAC)


def _explained(error: jsonschema_rs.ValidationError, item: dict[str, Any]) -> str:
    properties = item.get("properties")
    if isinstance(properties, dict) and not properties.get("datetime"):
        missing = {"datetime", "start_datetime", "end_datetime"} - properties.keys()
        if missing:
            return f"{' and '.join(sorted(missing))} missing (a null datetime needs both ends of its range)"
    if "geometry" not in item:
        return '"geometry" is a required property (null is allowed for an item without a place)'
    if item["geometry"] is None and item.get("bbox") is not None:
        return "an item with a null geometry has no bbox"
    if item["geometry"] is not None and item.get("bbox") is None:
        return "an item with a geometry needs a bbox"
    if error.instance_path[:1] == ["geometry"]:
        return "it is not a GeoJSON geometry"
    if error.instance_path and error.instance_path[-1] in _MOMENTS:
        return "it is not a timestamp in UTC such as 2024-02-05T13:13:01Z"
    if isinstance(item.get("bbox"), list) and len(item["bbox"]) not in {4, 6}:
        return "its bbox is not 4 numbers, or 6 with heights"
    if error.schema_path[-1] == "format":
        return "it is not a URL; percent-encode what a URL cannot hold, such as blanks"
    return redact(error.message)[:300]


def _kept_assets(assets: dict[str, Any], dropped: set[str], planetary_computer_url: str) -> dict[str, Any]:
    computed = (f"{planetary_computer_url}/api/data/", _PUBLIC_DATA_API)
    return {
        key: asset for key, asset in assets.items() if key not in dropped and not asset["href"].startswith(computed)
    }


def _check_assets(assets: dict[str, Any], collection: str) -> None:
    if len(assets) > MAX_ASSETS:
        raise BadContent(
            f"The item has {len(assets)} assets and GeoCatalog takes at most {MAX_ASSETS}; use drop_assets.",
            code=ErrorCode.TOO_MANY_ASSETS,
        )
    managed = re.compile(rf"/{re.escape(collection)}-[0-9a-f]{{8}}/[0-9a-f]{{3}}/")
    for key, asset in assets.items():
        if not _ASSET_KEY.fullmatch(key):
            raise BadContent(
                f"The asset key {key[:80]!a} is not one GeoCatalog takes: use 1 to 255 of A-Z a-z 0-9 - _ + , ( ) .",
                code=ErrorCode.BAD_ASSET,
            )
        _check_href(key, asset["href"], managed)


def _check_href(key: str, href: str, managed: re.Pattern[str]) -> None:
    try:
        parts = urlsplit(href)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if parts is None or not host or parts.scheme not in {"https", "http", "s3"}:
        raise BadContent(
            f"The href of asset {key!r} is not an absolute https URL, which GeoCatalog needs; give the full URL.",
            code=ErrorCode.BAD_ASSET,
        )
    if parts.username or parts.password:
        raise BadContent(
            f"The href of asset {key!r} holds a user name or password; remove it.", code=ErrorCode.BAD_ASSET
        )
    if managed.search(parts.path):
        raise BadContent(
            f"The href of asset {key!r} lies in GeoCatalog's own storage, so this item was read back from GeoCatalog; "
            "send the original with the source's hrefs.",
            code=ErrorCode.MANAGED_ITEM,
        )


def _without_signatures(item: dict[str, Any]) -> dict[str, Any]:
    if not any("?" in asset["href"] for asset in item["assets"].values()):
        return item
    assets = {key: {**asset, "href": unsigned(asset["href"])} for key, asset in item["assets"].items()}
    return {**item, "assets": assets}
