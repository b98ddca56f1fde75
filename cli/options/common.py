"""Options that commands of several packages share."""

from collections.abc import Iterable
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Send it and return at once.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Give up waiting after so many seconds.", min=1)]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
CollectionArgument = Annotated[str, typer.Argument(metavar="COLLECTION", help="Id of the collection.")]
CollectionsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="COLLECTION", help="Default: all.", show_default=False)
]
CollectionOption = Annotated[
    list[str] | None,
    typer.Option("--collection", "-c", help="Only these collections, by comma or repeated.", metavar="IDS"),
]
ItemsArgument = Annotated[list[str] | None, typer.Argument(metavar="ITEM", help="Ids of items.", show_default=False)]


def listed(values: Iterable[str] | None) -> list[str]:
    """Splits the values of an option that takes a list by comma, or is repeated."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]
