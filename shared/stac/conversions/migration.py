"""The STAC version of a document: which schema it is checked by, and older documents brought to STAC 1.1.0."""

import re
import threading
import warnings
from typing import Any

from shared.basics.redact import redact
from shared.stac.conversions.findings import Conversion, Findings
from shared.stac.schema import StacVersion

_NUMBER = r"(0|[1-9]\d*)"
_V1_0 = re.compile(rf"1\.0\.{_NUMBER}")
# A pre-release of 1.1.0 or later has all that the schema of 1.1.0 asks for.
_V1_1 = re.compile(rf"1\.[1-9]\d*\.{_NUMBER}(?P<pre>-.+)?")
_OLD = re.compile(rf"0\.{_NUMBER}\.{_NUMBER}(-.+)?|1\.0\.0-.+")

_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_PROJECTION_NAMES = ("proj", "projection", "https://stac-extensions.github.io/projection/")
_EO_EPSG, _PROJ_EPSG, _PROJ_CODE = "eo:epsg", "proj:epsg", "proj:code"

# pystac loads its extensions with the first migration and counts them as loaded before they are, so that a second one
# on another thread at that moment would leave an item's extensions as they were (pystac 1.15, extensions/hooks.py).
PYSTAC_LOCK = threading.Lock()


def with_known_version(document: dict[str, Any], findings: Findings) -> tuple[dict[str, Any], StacVersion]:
    """Return a document in a version of STAC that it can be checked by.

    One of STAC 1 stays as it is, and is checked by the schema of its own version. Older ones are migrated by pystac.

    Args:
        document: an item or collection; may be changed.
        findings: told what was changed.

    Raises:
        BadContent: the version is missing or not known, or pystac cannot migrate the document.
    """
    version = document.get("stac_version")
    if isinstance(version, str):
        if _V1_0.fullmatch(version):
            return document, StacVersion.V1_0
        found = _V1_1.fullmatch(version)
        if found and not found["pre"]:
            return document, StacVersion.V1_1
        if found:
            findings.converted(Conversion.MIGRATED, f"stac_version {version[:20]}")
            return {**document, "stac_version": StacVersion.V1_1.value}, StacVersion.V1_1
    if "stac_version" in document and not (isinstance(version, str) and _OLD.fullmatch(version)):
        shown = repr(version[:20]) if isinstance(version, str) else "what is no text"
        findings.fault(f"{shown} is no version of STAC; give the one that is followed, such as 1.0.0", "stac_version")
        findings.raise_faults()
    migrated = _migrated(document, findings)
    findings.converted(Conversion.MIGRATED, f"stac_version {version}" if version else "the document")
    return migrated, StacVersion.V1_1


def _migrated(document: dict[str, Any], findings: Findings) -> dict[str, Any]:
    # Only documents older than STAC 1.0 need pystac, and it is slow to import.
    from pystac import STACTypeError  # noqa: PLC0415
    from pystac.serialization import identify_stac_object, migrate_to_latest  # noqa: PLC0415

    version = document.get("stac_version")
    try:
        _prepare(document, findings)
        findings.raise_faults()
        with PYSTAC_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fields without a successor, which stay as they are
            migrated: dict[str, Any] = migrate_to_latest(document, identify_stac_object(document))
    except STACTypeError:
        if version is None:
            findings.fault("it is missing; give the version of STAC that is followed, such as 1.0.0", "stac_version")
        else:
            findings.fault(
                f"by STAC {version} this is the type of neither an Item nor a Collection; correct it", "type"
            )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        findings.fault(
            f"its fields are not those of STAC {version} ({redact(type(error).__name__)}), so that it cannot be "
            "brought to STAC 1.1.0; correct them, or write it as STAC 1.0.0"
        )
    findings.raise_faults()
    return migrated


def _prepare(document: dict[str, Any], findings: Findings) -> None:
    """Change what pystac 1.15 migrates wrongly, before it does (extensions/eo.py and extensions/projection.py)."""
    properties, assets = document.get("properties"), document.get("assets")
    if document.get("stac_extensions") is None:
        document["stac_extensions"] = []
    _wrap_extent(document.get("extent"))
    if not isinstance(properties, dict):
        return
    _move_epsg(document, properties)
    objects = [properties, *(assets.values() if isinstance(assets, dict) else ())]
    for fields in objects:
        # It makes no code of null, and drops the null: "no code" would become "not known".
        if isinstance(fields, dict) and fields.get(_PROJ_EPSG, "") is None and _has_projection(document):
            del fields[_PROJ_EPSG]
            fields.setdefault(_PROJ_CODE, None)
    _check_band_numbers(properties, assets, findings)


def _wrap_extent(extent: object) -> None:
    """Bring the extent of a Collection to the form that STAC 0.8 gave it; before, it had one box and one interval."""
    for name, inner in (("spatial", "bbox"), ("temporal", "interval")):
        if isinstance(extent, dict) and isinstance(extent.get(name), list):
            extent[name] = {inner: [extent[name]]}


def _move_epsg(document: dict[str, Any], properties: dict[str, Any]) -> None:
    """Move `eo:epsg` to `proj:code`: pystac makes "EPSG:None" of null, and fails where nothing else is of eo."""
    if _EO_EPSG not in properties or _PROJ_EPSG in properties or _PROJ_CODE in properties:
        return
    code = properties.pop(_EO_EPSG)
    properties[_PROJ_CODE] = None if code is None else f"EPSG:{code}"
    if not _has_projection(document):
        document["stac_extensions"] = [*document["stac_extensions"], _PROJECTION]


def _has_projection(document: dict[str, Any]) -> bool:
    return any(isinstance(name, str) and name.startswith(_PROJECTION_NAMES) for name in document["stac_extensions"])


def _check_band_numbers(properties: dict[str, Any], assets: object, findings: Findings) -> None:
    """Tell of bands that there are not: before 1.0.0-beta.1 an asset's bands are numbers of those in properties."""
    bands = properties.get("eo:bands")
    if not isinstance(bands, list) or not isinstance(assets, dict):
        return
    for key, asset in assets.items():
        numbers = asset.get("eo:bands") if isinstance(asset, dict) else None
        for number in numbers if isinstance(numbers, list) else ():
            if isinstance(number, int) and number >= len(bands):
                findings.fault(
                    f"it names a band that there is not: properties/eo:bands has {len(bands)}, counted from 0; correct "
                    "the number",
                    f"assets/{key}/eo:bands",
                )
