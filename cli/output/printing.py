"""What commands print: results on standard output, everything else on standard error, colours on a terminal only."""

import datetime as dt
import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from shared.basics.clock import format_timestamp

if TYPE_CHECKING:  # rich is slow to import, and what a program reads does without it
    from rich.console import Console
    from rich.progress import Progress

# Not a terminal: nothing is cut to a width, so that a program can read what a person would.
_ENDLESS = 10_000


def console(*, of_errors: bool = False) -> "Console":
    """Return the console of standard output, or of standard error."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    if of_errors:
        return Console(stderr=True, highlight=False)
    return Console(width=None if sys.stdout.isatty() else _ENDLESS, soft_wrap=not sys.stdout.isatty(), highlight=False)


def write_json(value: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Writes one JSON document, on one line, to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> str:
    if isinstance(value, dt.datetime):
        return format_timestamp(value)
    return str(value)


def say(text: str) -> None:
    """Writes a line of the result to standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Tells a person something beside the result, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Prints a table; numbers stand to the right.

    Args:
        columns: the headings.
        rows: what stands below them; None is shown as nothing.
        title: a heading above it.
    """
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    cells = [list(row) for row in rows]
    table = Table(*(), title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    shown = []
    for index, heading in enumerate(columns):
        values = [row[index] for row in cells if row[index] is not None]
        if heading and not values:
            continue  # a column with nothing in it only takes room
        is_number = all(isinstance(value, int | float) for value in values)
        shown.append(index)
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(_cell(row[index])) for index in shown))
    console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)


class Bar:
    """A progress bar with rate and time left, shown on a terminal only; used as a context.

    Args:
        what: what is being done.
        unit: what is counted.
    """

    def __init__(self, what: str, *, unit: str) -> None:
        self._progress = _progress(unit) if sys.stderr.isatty() else None
        self._task = self._progress.add_task(what, total=None, counted=0, rate="") if self._progress else None
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def total(self, total: int | None) -> None:
        """Says how much there is to do, where that is known."""
        self._update(total=total)

    def advance(self, done: int) -> None:
        """Says how much more of it is done."""
        self._update(advance=done)

    def counted(self, count: int) -> None:
        """Says how many units have been counted so far."""
        self._update(counted=count, rate=f"{count / (time.monotonic() - self._started or 1):,.0f}/s")

    def _update(self, **changed: Any) -> None:
        if self._progress and self._task is not None:
            self._progress.update(self._task, **changed)


def _progress(unit: str) -> "Progress":
    from rich.progress import (  # noqa: PLC0415 - slow to import
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.fields[counted]:,}} {unit}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console(of_errors=True),
        transient=True,
    )


def in_words(delta: dt.timedelta) -> str:
    """Writes a duration for people, such as `2 h 5 min`."""
    seconds = int(abs(delta.total_seconds()))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        if seconds >= size:
            parts.append(f"{seconds // size} {name}")
            seconds %= size
    return " ".join(parts[:2]) or "0 s"
