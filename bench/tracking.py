"""What following open operations costs: calls to GeoCatalog and time of one pass, by how many are open."""

import resource
import time
from datetime import timedelta

from bench.items import COLLECTION, body, items
from bench.report import Goal, Section
from bench.stack import BenchStack, bench_stack
from shared.basics.parallel import run_all
from shared.operations.tracking import track_operations
from shared.records.status_rows import OperationKind, OperationRow, to_entity

_STEPS = (500, 1_000, 2_000, 4_000)
_PER_TRANSACTION = 100
_MOST_CALLS = 15
# The least of so many passes counts: whatever else the machine does only adds to it.
_PASSES = 3
# Less than the pause between two passes, so that there is one.
_ONE_PASS = timedelta(seconds=2.9)


def measure(scale: float) -> Section:
    """Measures passes over up to 4,000 open operations."""
    rows: list[list[str]] = []
    calls_of_1000 = 0
    spent: list[float] = []
    steps = [int(step * max(scale, 0.2)) for step in _STEPS]
    with bench_stack(ingest_seconds=(3_600, 3_600)) as stack:
        is_open = 0
        for step in steps:
            _open(stack, f"open-{step}", step - is_open)
            is_open = step
            stack.behave({"ingest_seconds": [3_600, 3_600]})
            seconds, processor = min(_pass(stack) for _ in range(_PASSES))
            calls = sum(not request["path"].startswith("/_emulator") for request in stack.asked()) // _PASSES
            if step == steps[1]:
                calls_of_1000 = calls
            spent.append(processor / step * 1000)
            rows.append(
                [f"{step:,}", str(calls), f"{step:,}", f"{processor:.2f}", f"{spent[-1]:.2f}", f"{seconds:.1f}"]
            )
    most = _MOST_CALLS * steps[1] / 1_000
    return Section(
        ["open operations", "calls to GeoCatalog", "of A and B", "CPU s of a pass", "CPU ms an operation", "seconds"],
        rows,
        [
            Goal(f"At most {_MOST_CALLS} calls for 1,000 open operations", str(calls_of_1000), calls_of_1000 <= most),
            Goal(
                "A pass grows no faster than the pages it reads",
                f"{spent[-1] / spent[1]:.2f} times the processor time per operation with {steps[-1]:,} as with "
                f"{steps[1]:,}",
                spent[-1] <= spent[1] * 1.1,
            ),
        ],
    )


def _pass(stack: BenchStack) -> tuple[float, float]:
    """Returns the seconds and the processor time of one pass."""
    started, before = time.perf_counter(), _own_cpu()
    track_operations(stack.app, budget=_ONE_PASS)
    return time.perf_counter() - started, _own_cpu() - before


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _open(stack: BenchStack, prefix: str, count: int) -> None:
    documents = items(prefix, count)
    operations = run_all(lambda document: stack.app.geocatalog.post_item(COLLECTION, body(document)), documents)
    rows = [
        OperationRow(COLLECTION, operation, OperationKind.ADD_ITEM, stack.app.now(), document["id"])
        for document, operation in zip(documents, operations, strict=True)
    ]
    for start in range(0, count, _PER_TRANSACTION):
        stack.app.status.transact([("create", to_entity(row)) for row in rows[start : start + _PER_TRANSACTION]])
