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
from bench.stack import WIDTH, BenchStack, bench_stack, cpu_seconds, wait_for

LATENCY_MS = 150
INGEST_SECONDS = (5.0, 10.0)
_WARM_UP = 40
# Each look reads the emulator's whole log of requests, which would slow down what is measured.
_LOOK_SECONDS = 2.0
# In turn and the best of each, since a machine shared with others is quicker at one time than at another.
_ROUNDS = 2
# The loops take a time for each item that does not depend on how many there are, so a sample tells. The tutorial's
# needs one that is long enough: when all are posted, the first must have been ingested, as with 1,000.
_TUTORIAL_SAMPLE = 80
_OFFICIAL_SAMPLE = 3


@dataclass(frozen=True, order=True)
class _Posting:
    """How the app posts.

    Attributes:
        rate: posts a second.
        busy: share of the machine's cores that worked.
        processor_ms: processor time of the app's own process per item.
    """

    rate: float
    busy: float
    processor_ms: float


def measure(scale: float) -> Section:
    """Measures all; at full size 1,000 items."""
    count = max(int(1_000 * scale), 300)
    with bench_stack(latency_ms=LATENCY_MS, ingest_seconds=INGEST_SECONDS) as stack:
        loop = (
            _seconds(lambda: tutorial_loop(stack.url, items("tutorial", _TUTORIAL_SAMPLE))) * count / _TUTORIAL_SAMPLE
        )
        single = (
            _seconds(lambda: official_loop(stack.url, items("single", _OFFICIAL_SAMPLE))) * count / _OFFICIAL_SAMPLE
        )
    runs: dict[str, list[Any]] = {name: [] for name in ("pool", "app", "bare", "narrow", "wide")}
    for _ in range(_ROUNDS):
        runs["pool"].append(_official_pool(count))
        runs["app"].append(_app(count))
        runs["bare"].append(_bare(count))
        runs["narrow"].append(_posting(count, WIDTH))
        runs["wide"].append(_posting(count, 2 * WIDTH))
    pool, app, bare = min(runs["pool"]), min(runs["app"]), max(runs["bare"])
    narrow, wide = max(runs["narrow"]), max(runs["wide"])
    return Section(
        ["", "seconds", "times the app", "posts a second"],
        [
            [f"the app as it is set, {2 * WIDTH} threads", f"{app:.1f}", "1", f"{wide.rate:.0f}"],
            [f"the app with {WIDTH} threads", "", "", f"{narrow.rate:.0f}"],
            [f"A: the tutorial's loop ({_TUTORIAL_SAMPLE} items, scaled)", f"{loop:.0f}", f"{loop / app:.1f}", ""],
            [
                f"B: the official client in a loop ({_OFFICIAL_SAMPLE} items, scaled)",
                f"{single:.0f}",
                f"{single / app:.0f}",
                "",
            ],
            [f"B: the official client, {WIDTH} threads", f"{pool:.1f}", f"{pool / app:.1f}", ""],
            [f"C: bare posts, {WIDTH} threads, nothing followed", f"{count / bare:.1f}", "", f"{bare:.0f}"],
        ],
        [
            Goal("At least 10 times as fast as A", f"{loop / app:.1f} times", loop / app >= 10),
            Goal("No slower than B in a pool of threads", f"{app / pool:.2f} of its time", app <= pool),
            Goal(
                f"At least 80 % of C's posts a second at the same width of {WIDTH}",
                f"{narrow.rate / bare:.0%} ({wide.rate / bare:.0%} as it is set), with {narrow.busy:.0%} of the cores "
                f"busy and {narrow.processor_ms:.1f} ms an item in the app's own process",
                narrow.rate / bare >= 0.8,
            ),
        ],
    )


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


def _app(count: int) -> float:
    """Returns the seconds from the first message to the last outcome."""
    with bench_stack() as stack:
        stack.start_host()
        stack.enqueue(items("warm-up", _WARM_UP))
        wait_for(lambda: stack.ingested() == _WARM_UP)
        stack.behave({"latency_ms": LATENCY_MS, "ingest_seconds": list(INGEST_SECONDS)})
        started = time.perf_counter()
        stack.feed(items("app", count))
        wait_for(lambda: stack.ingested() == _WARM_UP + count, pause=0.25)
        return time.perf_counter() - started


def _posting(count: int, threads: int) -> _Posting:
    """Measures the app where all messages are there already, as bare posts have their bodies."""
    with bench_stack(latency_ms=LATENCY_MS, ingest_seconds=INGEST_SECONDS) as stack:
        stack.enqueue(items("app", _WARM_UP + count))
        worker = stack.start_host({"PYTHON_THREADPOOL_THREAD_COUNT": str(threads)})
        wait_for(lambda: len(_posts(stack)) >= _WARM_UP)
        begun, before = len(_posts(stack)), cpu_seconds(worker)
        psutil.cpu_percent()
        wait_for(lambda: len(_posts(stack)) == _WARM_UP + count, pause=_LOOK_SECONDS)
        busy, processor = psutil.cpu_percent() / 100, cpu_seconds(worker) - before
        moments = [datetime.fromisoformat(request["time"]) for request in _posts(stack)]
    rate = count / (moments[-1] - moments[_WARM_UP - 1]).total_seconds()
    return _Posting(rate, busy, processor / (len(moments) - begun) * 1000)


def _posts(stack: BenchStack) -> list[dict[str, Any]]:
    return [
        request for request in stack.asked() if request["method"] == "POST" and str(request["path"]).endswith("/items")
    ]
