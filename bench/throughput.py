"""1,000 items at an accept latency of 150 ms and 5 to 10 s of ingestion: the app and what people would use instead."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psutil

from bench.alternatives import bare_posts, official_loop, official_pool, tutorial_loop
from bench.items import items
from bench.report import Goal, Section
from bench.stack import HOST_QUEUES, WIDTH, BenchStack, bench_stack, cpu_seconds, wait_for

LATENCY_MS = 150
INGEST_SECONDS = (5.0, 10.0)
_WARM_UP = 40
# In turn and the best of each, since a machine shared with others is quicker at one time than at another.
_ROUNDS = 3
# The loops take a time for each item that does not depend on how many there are, so a sample tells. The tutorial's
# needs one that is long enough: when all are posted, the first must have been ingested, as with 1,000.
_TUTORIAL_SAMPLE = 80
_OFFICIAL_SAMPLE = 3
# So many times the items in a second look at the app, which follows while it posts, and at B's pool, which does not.
_MORE = 3


@dataclass(frozen=True)
class _Run:
    """What one run of the app took.

    Attributes:
        seconds: from the first message on the queue to the last outcome in the table.
        rate: posts a second.
        busy: share of the machine's cores that worked while messages were sent.
        processor_ms: processor time of the app's own process per item.
    """

    seconds: float
    rate: float
    busy: float
    processor_ms: float


@dataclass(frozen=True)
class _Others:
    """What the alternatives took: seconds of the loops and pools, posts a second of the bare posts."""

    tutorial: float
    single: float
    pool: float
    bare: float
    pool_with_more: float


def measure(scale: float) -> Section:
    """Measures all; at full size 1,000 items."""
    count = max(int(1_000 * scale), 300)
    with bench_stack(latency_ms=LATENCY_MS, ingest_seconds=INGEST_SECONDS) as stack:
        tutorial = (
            _seconds(lambda: tutorial_loop(stack.url, items("tutorial", _TUTORIAL_SAMPLE))) * count / _TUTORIAL_SAMPLE
        )
        single = (
            _seconds(lambda: official_loop(stack.url, items("single", _OFFICIAL_SAMPLE))) * count / _OFFICIAL_SAMPLE
        )
    pool, bare, wides, narrows = [], [], [], []
    for _ in range(_ROUNDS):
        pool.append(_official_pool(count))
        wides.append(_app(count, 2 * WIDTH))
        bare.append(_bare(count))
        narrows.append(_app(count, WIDTH))
    more = _app(count * _MORE, 2 * WIDTH)
    others = _Others(tutorial, single, min(pool), max(bare), _official_pool(count * _MORE))
    return _section(count, others, _best(wides), _best(narrows), more)


def _best(runs: list[_Run]) -> _Run:
    return min(runs, key=lambda run: run.seconds)


def _section(count: int, others: _Others, wide: _Run, narrow: _Run, more: _Run) -> Section:
    times_a, share_of_b = others.tutorial / wide.seconds, wide.seconds / others.pool
    return Section(
        ["", "seconds", "times the app", "posts a second"],
        [
            _row(f"the app as it is set, {2 * WIDTH} threads", wide.seconds, wide, rate=wide.rate),
            _row(f"the app with {WIDTH} threads", narrow.seconds, wide, rate=narrow.rate),
            _row(f"A: the tutorial's loop ({_TUTORIAL_SAMPLE} items, scaled)", others.tutorial, wide),
            _row(f"B: the official client in a loop ({_OFFICIAL_SAMPLE} items, scaled)", others.single, wide),
            _row(f"B: the official client, {WIDTH} threads", others.pool, wide),
            [
                f"C: bare posts, {WIDTH} threads, nothing followed",
                f"{count / others.bare:.1f}",
                "",
                f"{others.bare:.0f}",
            ],
            _row(f"{count * _MORE:,} items: the app as it is set", more.seconds, more, rate=more.rate),
            _row(f"{count * _MORE:,} items: B, {WIDTH} threads", others.pool_with_more, more),
        ],
        [
            Goal("At least 10 times as fast as A", f"{times_a:.1f} times", times_a >= 10),
            Goal("No slower than B in a pool of threads", f"{share_of_b:.2f} of its time", share_of_b <= 1),
            Goal(
                f"At least 80 % of C's posts a second at the same width of {WIDTH}",
                f"{narrow.rate / others.bare:.0%} ({wide.rate / others.bare:.0%} as it is set), with {narrow.busy:.0%} "
                f"of the cores busy and {narrow.processor_ms:.1f} ms an item in the app's own process",
                narrow.rate / others.bare >= 0.8,
            ),
        ],
    )


def _row(name: str, seconds: float, app: _Run, *, rate: float | None = None) -> list[str]:
    return [name, f"{seconds:.1f}", f"{seconds / app.seconds:.1f}", f"{rate:.0f}" if rate else ""]


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _official_pool(count: int) -> float:
    with bench_stack(latency_ms=LATENCY_MS, ingest_seconds=INGEST_SECONDS) as stack:
        return _seconds(lambda: official_pool(stack.url, items("pool", count)))


def _bare(count: int) -> float:
    with bench_stack(latency_ms=LATENCY_MS, ingest_seconds=INGEST_SECONDS) as stack:
        return bare_posts(stack.url, items("bare", count), lambda post: post())


def _app(count: int, threads: int) -> _Run:
    with bench_stack() as stack:
        half = str(threads // 2)
        worker = stack.start_host({f"{HOST_QUEUES}batchSize": half, f"{HOST_QUEUES}newBatchThreshold": half})
        stack.enqueue(items("warm-up", _WARM_UP))
        wait_for(lambda: stack.ingested() == _WARM_UP)
        stack.behave({"latency_ms": LATENCY_MS, "ingest_seconds": list(INGEST_SECONDS)})
        before, started = cpu_seconds(worker), time.perf_counter()
        psutil.cpu_percent()
        stack.feed(items("app", count))
        busy = psutil.cpu_percent() / 100
        wait_for(lambda: stack.ingested() == _WARM_UP + count, pause=0.25)
        seconds, processor = time.perf_counter() - started, cpu_seconds(worker) - before
        moments = [datetime.fromisoformat(request["time"]) for request in _posts(stack)]
    rate = (count - 1) / (moments[-1] - moments[0]).total_seconds()
    return _Run(seconds, rate, busy, processor / count * 1000)


def _posts(stack: BenchStack) -> list[dict[str, Any]]:
    return [
        request for request in stack.asked() if request["method"] == "POST" and str(request["path"]).endswith("/items")
    ]
