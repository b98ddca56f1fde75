"""How results are shown: a Markdown table and what it means, in a marked place of docs/benchmarks.md."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and whether it was."""

    wanted: str
    found: str
    is_met: bool


@dataclass(frozen=True)
class Section:
    """The results of one benchmark.

    Attributes:
        head: names of the columns.
        rows: the table.
        goals: what they were to reach.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal] = field(default_factory=tuple)

    def to_markdown(self) -> str:
        """Writes the section."""
        lines = [_row(self.head), _row(["---"] + ["---:"] * (len(self.head) - 1)), *map(_row, self.rows)]
        if self.goals:
            lines += ["", *(f"- {goal.wanted}: {goal.found}, {_verdict(goal)}." for goal in self.goals)]
        return "\n".join(lines)


def machine() -> str:
    """Describes the machine as far as it matters for the figures."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text(encoding="utf-8"))
        model = found[1].strip() if found else model
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()}, "
        f"Python {platform.python_version()}."
    )


def put_into_page(name: str, text: str) -> None:
    """Replaces what stands between the marks of a section in docs/benchmarks.md.

    Raises:
        ValueError: the page has no such marks.
    """
    page = PAGE.read_text(encoding="utf-8")
    start, end = f"<!-- measured: {name} -->\n", f"\n<!-- end: {name} -->"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(
            f"{PAGE.name} has no place for {name}: put the lines {start.strip()} and {end.strip()} into it"
        )
    PAGE.write_text(before + start + text + end + after, encoding="utf-8")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(goal: Goal) -> str:
    return "reached" if goal.is_met else "**not reached**"
