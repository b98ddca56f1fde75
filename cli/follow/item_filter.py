"""The options that choose items, and the filter that they make."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cli.follow.item_rows import ItemFilter
from cli.options.common import listed
from cli.options.moments import parse_moment
from cli.output.faults import usage_error
from shared.records.status_rows import ItemStatus
from shared.stac.ids import check_collection_id, check_item_id

REPLAYABLE_STATES = (ItemStatus.FAILED, ItemStatus.CANCELED, ItemStatus.HELD)

StateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help=f"Only in this state, by comma or repeated: {', '.join(ItemStatus)}.",
        metavar="STATES",
        autocompletion=lambda: list(ItemStatus),
    ),
]
ReplayStateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help=f"By comma or repeated: {', '.join(REPLAYABLE_STATES)}. Default: Failed.",
        metavar="STATES",
        autocompletion=lambda: list(REPLAYABLE_STATES),
    ),
]

CodeOption = Annotated[str | None, typer.Option("--error-code", help="Only with this error code.", metavar="CODE")]
MarkOption = Annotated[str | None, typer.Option("--correlation-id", help="Only what carries this mark.")]
OlderOption = Annotated[
    str | None, typer.Option("--older-than", help="Only what changed last before (2h, 7d, a timestamp).", metavar="AGE")
]
NewerOption = Annotated[
    str | None, typer.Option("--newer-than", help="Only what changed last since (2h, 7d, a timestamp).", metavar="AGE")
]
LimitOption = Annotated[int, typer.Option("--limit", help="The most to show; 0 for all.", min=0)]


def make_filter(
    collections: Sequence[str] | None,
    states: Sequence[str],
    *,
    known: Sequence[str] = tuple(ItemStatus),
    error_code: str | None = None,
    correlation_id: str | None = None,
    older_than: str | None = None,
    newer_than: str | None = None,
    ids: Sequence[str] = (),
) -> ItemFilter:
    """Makes a filter.

    Args:
        collections: ids of collections, also joined by commas.
        states: states of items, in any letter case.
        known: the states that may be given.
        error_code: an error code.
        correlation_id: a mark.
        older_than: a duration or timestamp.
        newer_than: a duration or timestamp.
        ids: ids of items.

    Raises:
        BadMessage: an id is not one GeoCatalog takes.
        CommandError: a state or an age is malformed.
    """
    by_lower = {name.casefold(): str(name) for name in known}
    unknown = [state for state in states if state.casefold() not in by_lower]
    if unknown:
        raise usage_error(f"--state takes {', '.join(by_lower.values())}; not {unknown[0]!r}.")
    return ItemFilter(
        collections=tuple(check_collection_id(name) for name in listed(collections)),
        ids=frozenset(check_item_id(item_id) for item_id in ids),
        states=tuple(by_lower[state.casefold()] for state in states),
        error_code=error_code,
        correlation_id=correlation_id,
        older_than=parse_moment(older_than, is_past=True, option="--older-than") if older_than else None,
        newer_than=parse_moment(newer_than, is_past=True, option="--newer-than") if newer_than else None,
    )
