"""Assets: what is left out, and hrefs that are made absolute and encoded, or refused with how to correct them."""

import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from shared.basics.errors import ErrorCode
from shared.stac.bases import own_base
from shared.stac.conversions.findings import Conversion, Findings
from shared.stac.urls import encoded, has_stray_percent, is_absolute, is_relative, resolve, scheme_of

# learn.microsoft.com/azure/planetary-computer/error-codes-ingestion: TotalAssetsExceeded.
MAX_ASSETS = 100
# .../troubleshooting-ingestion: characters of an asset key, and its length (under 256).
_KEY = re.compile(r"[A-Za-z0-9\-_+,().]{1,255}", re.ASCII)
_PUBLIC_DATA_API = "https://planetarycomputer.microsoft.com/api/data/"
_HTTP = frozenset({"https", "http"})
_S3 = "s3"
_SHOWN = 80
_FIX = (
    "copy the file to Azure Blob Storage or to an https server and give that URL, or leave the asset out with "
    "drop_assets"
)
_READ_BACK = (
    "it lies in GeoCatalog's own storage, so this item was read back from GeoCatalog; send the original with the "
    "source's hrefs"
)


def kept_assets(assets: dict[str, Any], dropped: set[str], planetary_computer_url: str) -> dict[str, Any]:
    """Return the assets without those asked for and those that the Planetary Computer computes, which are no files."""
    computed = (f"{planetary_computer_url}/api/data/", _PUBLIC_DATA_API)
    return {
        key: asset
        for key, asset in assets.items()
        if key not in dropped and not str(_href(asset) or "").startswith(computed)
    }


def convert_assets(item: dict[str, Any], collection: str, findings: Findings) -> None:
    """Make the hrefs of an item's assets what GeoCatalog takes, and check the assets against its limits.

    Args:
        item: the STAC Item with its links; changed in place.
        collection: id of the target collection.
        findings: told what was changed, and of what cannot be.
    """
    assets, base = item["assets"], own_base(item)
    if len(assets) > MAX_ASSETS:
        findings.fault(
            f"there are {len(assets)}, and GeoCatalog takes at most {MAX_ASSETS}; leave some out with drop_assets",
            "assets",
            ErrorCode.TOO_MANY_ASSETS,
        )
    managed = re.compile(rf"/{re.escape(collection)}-[0-9a-f]{{8}}/[0-9a-f]{{3}}/")
    on_s3 = []
    for key, asset in assets.items():
        if not _KEY.fullmatch(key):
            findings.fault(
                "GeoCatalog takes no such asset key (only 1 to 255 of A-Z a-z 0-9 - _ + , ( ) .); leave the asset out "
                "with drop_assets, or have its producer rename it",
                f"assets/{key[:_SHOWN]!a}",
                ErrorCode.BAD_ASSET,
            )
        href = _href(asset)
        if not href:
            continue  # the schema says what is wrong
        place = f"assets/{key[:_SHOWN]}/href"
        sent = _sent_href(href, base, place, findings)
        asset["href"] = sent or href
        fault = _fault_of(sent, managed) if sent else None
        if fault:
            findings.fault(fault[0], place, fault[1])
        if sent and scheme_of(sent) == _S3:
            on_s3.append(key[:_SHOWN])
    if on_s3:
        others = "" if len(on_s3) == 1 else f" and {len(on_s3) - 1} more"
        findings.warn(
            f"assets/{on_s3[0]}/href{others}: an s3 URL, and whether GeoCatalog reads s3 is not known; if that "
            "fails, copy the files to Azure Blob Storage."
        )


def _href(asset: object) -> str | None:
    href = asset.get("href") if isinstance(asset, dict) else None
    return href if isinstance(href, str) else None


def _sent_href(href: str, base: str | None, place: str, findings: Findings) -> str | None:
    """Return the href as it is sent; None where it cannot be made absolute, which is told then."""
    absolute = href
    if base is not None:
        with suppress(ValueError):  # no URL together with the base: it stays relative, and is told below
            absolute = resolve(href, base)
    if not scheme_of(absolute) or not is_absolute(absolute):
        findings.fault(_why_relative(absolute), place, ErrorCode.BAD_ASSET)
        return None
    if absolute != href:
        findings.converted(Conversion.RESOLVED, place)
    if has_stray_percent(absolute):
        findings.fault("it has a % that begins no encoded character; write %25 for it", place, ErrorCode.BAD_ASSET)
        return None
    sent = encoded(absolute)
    if sent != absolute:
        findings.converted(Conversion.ENCODED, place)
    return sent


def _why_relative(href: str) -> str:
    if is_relative(href):
        return (
            "it is relative, and the item does not say to what; give absolute hrefs, or an absolute link with rel "
            "self, or enqueue the item by its own URL"
        )
    if scheme_of(href):
        return "it is not a URL; correct it"
    return "it is a file name of GDAL, not a URL; give the URL behind it"


def _fault_of(href: str, managed: re.Pattern[str]) -> tuple[str, ErrorCode] | None:
    scheme = scheme_of(href)
    if scheme not in _HTTP and scheme != _S3:
        return f"it is of scheme {scheme[:20]}, which GeoCatalog does not read; {_FIX}", ErrorCode.BAD_ASSET
    try:
        parts = urlsplit(href)
        host = parts.hostname
    except ValueError:
        return "it is not a URL; correct it", ErrorCode.BAD_ASSET
    if not host:
        return "it has no host; give the full URL, such as https://example.com/scene.tif", ErrorCode.BAD_ASSET
    if parts.username or parts.password:
        return "it holds a user name or password; remove it", ErrorCode.BAD_ASSET
    if managed.search(parts.path):
        return _READ_BACK, ErrorCode.MANAGED_ITEM
    return None
