"""Makes a STAC Item ready to send: converted by rules that keep its meaning, checked, and hashed."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from shared.basics.clock import EARLIEST_MOMENT, parse_timestamp
from shared.basics.errors import BadContent, ErrorCode
from shared.basics.json_codec import write_json
from shared.stac.conversions.assets import convert_assets, kept_assets
from shared.stac.conversions.fields import convert_extensions, convert_fields, convert_numbers
from shared.stac.conversions.findings import Findings
from shared.stac.conversions.geometry import convert_geometry
from shared.stac.conversions.links import convert_links
from shared.stac.conversions.migration import with_known_version
from shared.stac.conversions.timestamps import convert_timestamps, is_naive
from shared.stac.faults import explain
from shared.stac.hashing import content_hash, first_hashes
from shared.stac.schema import StacVersion, item_validator, link_validator

# learn.microsoft.com/azure/planetary-computer/error-codes-ingestion, ItemSizeExceeded: "1 MB", read as 1 MiB; the
# emulator reads it so too.
MAX_ITEM_BYTES = 1_048_576

# GeoCatalog adds these to what it stores; they are not part of an item.
_MANAGED_FIELDS = ("_msft:ts", "_msft:etag")


@dataclass(frozen=True)
class Version:
    """What orders the versions of an item.

    Attributes:
        moment: the moment, in UTC.
        is_naive: whether it was written without an offset, so that it orders only against others like it.
    """

    moment: datetime
    is_naive: bool = False


@dataclass(frozen=True)
class PreparedItem:
    """An item as it is sent.

    Attributes:
        body: the item, compact UTF-8 JSON.
        content_hash: SHA-256 (hex) of its content with the target collection; see shared.stac.hashing.
        version: what orders its versions, if the item says so.
        datetime: the item's datetime, or its start, RFC 3339.
        bbox: its bounding box as JSON text, if it has one.
        conversions: what was changed in it, a sentence for each rule.
        warnings: what people should know of it.
        earlier_hashes: makes the hashes that it can have by the rules before hashes had a version.
    """

    body: bytes
    content_hash: str
    version: Version | None
    datetime: str | None
    bbox: str | None
    conversions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    earlier_hashes: Callable[[], Iterable[str]] = field(default=lambda: (), compare=False, repr=False)


def prepare_item(
    item: dict[str, Any],
    *,
    collection: str,
    drop_assets: Iterable[str] = (),
    version_by: str | None = None,
    ignore_properties: Iterable[str] = (),
    planetary_computer_url: str,
) -> PreparedItem:
    """Make an item ready to send; the given one is not changed.

    Args:
        item: a STAC Item of any version.
        collection: id of the target collection.
        drop_assets: asset keys to leave out, besides computed ones (href on the Planetary Computer's data API).
        version_by: item property that orders versions; default `updated`.
        ignore_properties: properties that are sent and do not count as content.
        planetary_computer_url: base URL of the Planetary Computer.

    Raises:
        BadContent: it is not STAC, or over a limit of GeoCatalog; the message says what is wrong and how to correct it.
    """
    if item.get("type") != "Feature":
        raise BadContent('It is not a STAC Item: its type is not "Feature".', code=ErrorCode.INVALID_STAC)
    findings = Findings("item")
    original = {name: value for name, value in item.items() if name not in _MANAGED_FIELDS} | {"collection": collection}
    made = copy.deepcopy(original)
    if isinstance(made.get("assets"), dict):
        made["assets"] = kept_assets(made["assets"], set(drop_assets), planetary_computer_url)
    made, stac_version = with_known_version(made, findings)
    _convert(made, stac_version, collection, findings)
    findings.raise_faults()
    body = _body(made)
    properties, bbox = made["properties"], made.get("bbox")
    ignored = frozenset(ignore_properties)
    counted = {name: value for name, value in properties.items() if name not in ignored}
    return PreparedItem(
        body=body,
        content_hash=content_hash({**made, "properties": counted}),
        version=item_version(item, version_by),
        datetime=properties.get("datetime") or properties.get("start_datetime"),
        bbox=write_json(bbox).decode() if bbox else None,
        conversions=findings.conversions,
        warnings=findings.warnings,
        earlier_hashes=partial(first_hashes, original, frozenset(made["assets"])),
    )


def item_version(item: dict[str, Any], version_by: str | None) -> Version | None:
    """Read what orders the versions of an item: the property `version_by`, otherwise `updated`.

    Args:
        item: the item as its producer wrote it.
        version_by: the property.

    Returns:
        The version; None where the item does not carry one that is a timestamp.
    """
    properties = item.get("properties")
    value = properties.get(version_by or "updated") if isinstance(properties, dict) else None
    if not isinstance(value, str):
        return None
    try:
        moment = parse_timestamp(value)
    except ValueError:
        return None
    return Version(moment, is_naive(value)) if moment >= EARLIEST_MOMENT else None


def _convert(item: dict[str, Any], version: StacVersion, collection: str, findings: Findings) -> None:
    properties, assets = item.get("properties"), item.get("assets")
    if isinstance(properties, dict):
        convert_timestamps(properties, "properties", findings)
    if isinstance(assets, dict):
        for key, asset in assets.items():
            if isinstance(asset, dict):
                convert_timestamps(asset, f"assets/{key}", findings)
        convert_assets(item, collection, findings)
    convert_numbers(item, findings)
    convert_geometry(item, findings)
    convert_links(item, link_validator(version).is_valid, findings)
    convert_extensions(item, findings)
    explain(convert_fields(item, item_validator(version), findings), item, findings)


def _body(item: dict[str, Any]) -> bytes:
    body = write_json(item)
    if len(body) > MAX_ITEM_BYTES:
        raise BadContent(
            f"The item is {len(body):,} bytes of JSON and GeoCatalog takes at most {MAX_ITEM_BYTES:,}; "
            "move large properties into an asset.",
            code=ErrorCode.ITEM_TOO_LARGE,
        )
    return body
