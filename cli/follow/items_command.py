"""`geocatalog items`: the rows of items."""

import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cli.follow.item_filter import (
    CodeOption,
    LimitOption,
    MarkOption,
    NewerOption,
    OlderOption,
    StateOption,
    make_filter,
)
from cli.follow.item_rows import find_items, item_feature, item_fields, item_id_of, last_change
from cli.options.common import CollectionsArgument, JsonOption, listed
from cli.output.printing import note, print_table, write_json
from cli.settings.connection import connect


def items(
    collections: CollectionsArgument = None,
    *,
    state: StateOption = None,
    error_code: CodeOption = None,
    correlation_id: MarkOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    limit: LimitOption = 100,
    offset: Annotated[int, typer.Option(help="How many to pass over first.", min=0)] = 0,
    geojson: Annotated[bool, typer.Option("--geojson", help="Print GeoJSON, for a map.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List items with their state, newest state of each.

    Example: geocatalog items mine --state Failed --state Held

    Example: geocatalog items mine --geojson --limit 0 > items.geojson
    """
    wanted = make_filter(
        collections,
        listed(state),
        error_code=error_code,
        correlation_id=correlation_id,
        older_than=older_than,
        newer_than=newer_than,
    )
    app = connect(needs_geocatalog=False)
    found = itertools.islice(find_items(wanted, app), offset, None)
    page = itertools.islice(found, limit) if limit else found
    if geojson:
        _write_features(page)
        return
    if as_json:
        fields = [item_fields(row) for row in page]
        is_more = next(found, None) is not None
        write_json({"items": fields, "next_offset": offset + len(fields) if is_more else None})
        return
    rows = list(page)
    if not rows:
        note("There are no such items.")
        return
    print_table(
        ["Collection", "Item", "Status", "Changed", "Error", "Message"],
        [
            [
                row["PartitionKey"], item_id_of(row), row["status"], last_change(row),
                row.get("error_code") or None, row.get("error_message") or None,
            ]
            for row in rows
        ],
    )  # fmt: skip
    if next(found, None) is not None:
        note(f"There are more; go on with --offset {offset + len(rows)}, or take all with --limit 0.")


def _write_features(rows: Iterator[Mapping[str, Any]]) -> None:
    sys.stdout.write('{"type": "FeatureCollection", "features": [')
    for number, row in enumerate(rows):
        sys.stdout.write(("," if number else "") + "\n" + json.dumps(item_feature(row), default=_plain))
    sys.stdout.write("\n]}\n")


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
