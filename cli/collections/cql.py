"""The CQL2 of mosaics, checked before GeoCatalog refuses it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shared.configuration.checks import Refusal
from shared.configuration.shapes import Part
from shared.configuration.wanted import WantedCollection

_EXAMPLE = '{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 10]}'


def without_bad_cql(wanted: WantedCollection) -> WantedCollection:
    """Refuse the mosaics that have an expression that is not CQL2 in JSON, each named by its id."""
    found = {mosaic["id"]: list(_faults(mosaic["id"], mosaic["cql"])) for mosaic in wanted.mosaics or []}
    refused = [fault for faults in found.values() for fault in faults]
    if not refused:
        return wanted
    kept = [mosaic for mosaic in wanted.mosaics or [] if not found[mosaic["id"]]]
    return replace(wanted, mosaics=kept, refused=(*wanted.refused, *refused))


def _faults(mosaic_id: str, expressions: list[dict[str, Any]]) -> Iterator[Refusal]:
    if not expressions:
        return
    from cql2 import Expr  # noqa: PLC0415 - a large library, for mosaics with an expression only

    for number, expression in enumerate(expressions):
        try:
            Expr(expression).validate()
        except Exception as error:  # noqa: BLE001 - the library raises plain Exceptions for what is not CQL2
            why = f"It is not CQL2 in JSON ({' '.join(str(error).split())[:200]}); an expression is such as {_EXAMPLE}."
            yield Refusal(Part.MOSAICS, f"mosaics.{mosaic_id}.cql.{number}", why)
