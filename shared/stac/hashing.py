"""The hash that tells whether two items are the same content."""

import hashlib
import re
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from shared.basics.json_codec import canonical_json
from shared.stac.conversions.migration import PYSTAC_LOCK
from shared.stac.conversions.timestamps import FIELDS, BadTimestamp, instant
from shared.stac.urls import unsigned

# By which rules the hashes of rows are made. Rows without a version are compared by the rules before, see first_hashes.
HASH_VERSION = 2

_TIMESTAMPS = frozenset(FIELDS)


def content_hash(item: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of an item as it is sent.

    What says the same hashes the same: the order of keys, the spelling of an instant, 1 and 1.0, and with what a URL
    is signed. Links of navigation and dropped nulls are not sent, so they do not count either.

    Raises:
        ValueError: it holds a number that JSON cannot carry.
    """
    return hashlib.sha256(canonical_json(_normal(item))).hexdigest()


def _normal(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict):
        return {name: _normal_field(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _normal_field(name: str, value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, str):
        return _normal(value)
    if name == "href":
        return unsigned(value)
    if name not in _TIMESTAMPS:
        return value
    try:
        second, fraction = instant(value)
    except BadTimestamp:
        return value
    return f"{second:%Y-%m-%dT%H:%M:%S}.{fraction}"


# The rules before hashes had a version

_CURRENT_STAC = re.compile(r"1\.\d+\.\d+")
_SIGNATURE = re.compile(r"(^|&)(sig|x-amz-signature|signature)=", re.IGNORECASE)


def first_hashes(item: dict[str, Any], kept_assets: frozenset[str]) -> Iterator[str]:
    """Yield the hashes that an item can have by the rules of before, by which older rows are compared.

    Args:
        item: the item as its message carries it, with its target collection and without GeoCatalog's own fields.
        kept_assets: keys of the assets that are sent.

    Yields:
        The hash of the item as it is, and as the command sent it when it was found by a static catalog: rewritten by
        pystac. Nothing for an item of a form that was refused then.
    """
    try:
        as_it_is = item if _CURRENT_STAC.fullmatch(item["stac_version"]) else _rewritten(item)
        yield _hash_of_then(as_it_is, kept_assets)
        yield _hash_of_then({**_rewritten(item), "collection": item["collection"]}, kept_assets)
    except Exception:  # noqa: BLE001 - whatever an item of no known form makes pystac raise, it was refused then
        return


def _hash_of_then(sent: dict[str, Any], kept_assets: frozenset[str]) -> str:
    assets = {key: _without_query(asset) for key, asset in sent["assets"].items() if key in kept_assets}
    return hashlib.sha256(canonical_json({**sent, "assets": assets})).hexdigest()


def _rewritten(item: dict[str, Any]) -> dict[str, Any]:
    import pystac  # noqa: PLC0415 - slow to import, and only few items need it

    with PYSTAC_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pystac.Item.from_dict(item, migrate=True, preserve_dict=True).to_dict(
            include_self_link=False, transform_hrefs=False
        )


def _without_query(asset: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(asset["href"])
    if not _SIGNATURE.search(parts.query):
        return asset
    return {**asset, "href": urlunsplit(parts._replace(query=""))}
