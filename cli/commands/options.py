"""Options that several commands share."""

from collections.abc import Iterable
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Send it and return at once.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Give up waiting after so many seconds.", min=1)]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]

BboxOption = Annotated[str | None, typer.Option("--bbox", help="west,south,east,north in degrees.", metavar="W,S,E,N")]
DatetimeOption = Annotated[
    str | None,
    typer.Option("--datetime", help="A moment or a range, such as 2024-02-04/2024-02-11.", metavar="RANGE"),
]
CollectionsOption = Annotated[
    list[str] | None,
    typer.Option("--collections", help="Collections to search, by comma or repeated.", metavar="IDS"),
]
IdsOption = Annotated[list[str] | None, typer.Option("--ids", help="Item ids, by comma or repeated.", metavar="IDS")]
FilterOption = Annotated[str | None, typer.Option("--filter", help="CQL2, as text or JSON.", metavar="CQL2")]


def listed(values: Iterable[str] | None) -> list[str]:
    """Splits the values of an option that takes a list by comma, or is repeated."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]
