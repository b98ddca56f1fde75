"""Makes a STAC Collection ready to send: converted by rules that keep its meaning, and checked."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.stac.conversions.fields import convert_extensions, convert_fields
from shared.stac.conversions.findings import Conversion, Findings
from shared.stac.conversions.links import convert_links
from shared.stac.conversions.migration import with_known_version
from shared.stac.conversions.timestamps import check_range, convert_timestamps, converted_timestamp
from shared.stac.faults import explain
from shared.stac.schema import collection_validator, link_validator

# GeoCatalog keeps these itself and adds them to a collection that is read back; never echoed.
MANAGED_FIELDS = frozenset({"msft:_created", "msft:_updated"})
# What a collection of the open Planetary Computer has and GeoCatalog does not take (the tutorial removes them).
_PLANETARY_COMPUTER_FIELDS = frozenset({"msft:storage_account", "msft:container"})
_COLLECTION = "Collection"
# Fields by which a Collection is known from before STAC 1.0.0-rc.1, when it had no type
# (github.com/radiantearth/stac-spec, issue 889).
_TELLING = frozenset({"extent", "license"})


@dataclass(frozen=True)
class PreparedCollection:
    """A STAC Collection as it is sent.

    Attributes:
        definition: the Collection, without assets and what GeoCatalog keeps itself.
        conversions: what was changed in it, a sentence for each rule.
    """

    definition: dict[str, Any]
    conversions: tuple[str, ...]


def is_collection(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON object is a STAC Collection, by its type or, as before STAC 1.0, by its fields."""
    if "type" in document:
        return bool(document["type"] == _COLLECTION)
    return not _TELLING.isdisjoint(document) and "id" in document


def prepare_collection(
    collection: str, definition: Mapping[str, Any], *, title: str | None = None, thumbnail_is_taken: bool = False
) -> PreparedCollection:
    """Make a STAC Collection ready to send; the given one is not changed.

    Args:
        collection: the id that it gets.
        definition: a STAC Collection of any version.
        title: overrides its own.
        thumbnail_is_taken: whether its thumbnail is sent apart from it.

    Raises:
        BadContent: it is not a STAC Collection; the message says what is wrong and how to correct it.
    """
    findings = Findings("collection")
    dropped = MANAGED_FIELDS | _PLANETARY_COMPUTER_FIELDS | {"assets"}
    made = copy.deepcopy({name: value for name, value in definition.items() if name not in dropped})
    made["id"] = collection
    if title:
        made["title"] = title
    if not is_collection(made):
        findings.fault("it must be Collection; correct it if this is a STAC Collection", "type")
        findings.raise_faults()
    made, version = with_known_version(made, findings)
    _note_assets(definition, findings, thumbnail_is_taken=thumbnail_is_taken)
    convert_timestamps(made, "", findings)
    _convert_intervals(made, findings)
    convert_links(made, link_validator(version).is_valid, findings)
    convert_extensions(made, findings)
    explain(convert_fields(made, collection_validator(version), findings), made, findings)
    findings.raise_faults()
    return PreparedCollection(made, findings.conversions)


def _note_assets(definition: Mapping[str, Any], findings: Findings, *, thumbnail_is_taken: bool) -> None:
    """Tell of the assets that are left out; what a service added to its own collection is nobody's loss."""
    assets = definition.get("assets")
    is_of_a_service = any(name.startswith("msft:") for name in definition)
    keys = set(assets) - ({"thumbnail"} if thumbnail_is_taken else set()) if isinstance(assets, dict) else set()
    if not is_of_a_service:
        for key in sorted(keys):
            findings.converted(Conversion.ASSETS, f"assets/{key}")


def _convert_intervals(definition: dict[str, Any], findings: Findings) -> None:
    extent = definition.get("extent")
    temporal = extent.get("temporal") if isinstance(extent, dict) else None
    intervals = temporal.get("interval") if isinstance(temporal, dict) else None
    for number, interval in enumerate(intervals if isinstance(intervals, list) else ()):
        if not isinstance(interval, list):
            continue
        place = f"extent/temporal/interval/{number}"
        moments = [converted_timestamp(end, f"{place}/{side}", findings) for side, end in enumerate(interval)]
        interval[:] = [made or end for made, end in zip(moments, interval, strict=True)]
        if len(moments) == 2 and moments[0] and moments[1]:  # noqa: PLR2004 - a start and an end
            check_range(moments[0], moments[1], f"{place}/1", findings)
