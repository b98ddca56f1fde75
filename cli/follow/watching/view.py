"""How `geocatalog watch` looks on a terminal: a table that is drawn anew with each look."""

import datetime as dt
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.follow.counts import Overview
from cli.output.printing import console, in_words
from shared.records.status_rows import ItemStatus


class LiveView:
    """The table on the terminal; used as a context."""

    def __init__(self) -> None:
        self._live = Live(console=console(), refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(
        self, overview: Overview, *, queued: int, rate: float, elapsed: dt.timedelta, left: dt.timedelta | None
    ) -> None:
        """Shows the counts.

        Args:
            overview: the counts.
            queued: messages on the queues.
            rate: items that end per second.
            elapsed: since the watch began.
            left: how much longer it will take; None where that cannot be told.
        """
        summary = f"queued {queued:,}  {rate:,.1f}/s  {in_words(elapsed)}"
        self._live.update(Group(_table(overview), Text(summary + (f"  about {in_words(left)} left" if left else ""))))


def _table(overview: Overview) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    states = [state.value for state in ItemStatus if overview.totals.get(state.value)]
    table.add_column("Collection")
    for heading in (*states, "Open"):
        table.add_column(heading, justify="right")
    for name, counts in sorted(overview.collections.items()):
        table.add_row(name, *(f"{counts.items[state]:,}" for state in states), f"{counts.open_operations:,}")
    return table
