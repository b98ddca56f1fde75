"""1,000 items at an accept latency of 150 ms and 5 to 10 s of ingestion: the app and what people would use instead."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bench.alternatives import bare_posts, official_loop, official_pool, tutorial_loop
from bench.items import items
from bench.report import Goal, Section
from bench.stack import WIDTH, bench_stack, wait_for

LATENCY_MS = 150
INGEST_SECONDS = (5.0, 10.0)
_WARM_UP = 40
_ROUNDS = 2
# The loops take a time for each item that does not depend on how many there are, so a sample tells. The tutorial's
# needs one that is long enough: when all are posted, the first must have been ingested, as with 1,000.
_TUTORIAL_SAMPLE = 80
_OFFICIAL_SAMPLE = 3


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
    pool, app = _in_turn(lambda: _official_pool(count), lambda: _app(count))
    bare, narrow_rate, wide_rate = _in_turn(
        lambda: _bare(count),
        lambda: _posts_per_second(count, WIDTH),
        lambda: _posts_per_second(count, 2 * WIDTH),
    )
    return Section(
        ["", "seconds", "times the app", "posts a second"],
        [
            [f"the app as it is set, {2 * WIDTH} threads", f"{app:.1f}", "1", f"{wide_rate:.0f}"],
            [f"the app with {WIDTH} threads", "", "", f"{narrow_rate:.0f}"],
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
                f"{narrow_rate / bare:.0%} ({wide_rate / bare:.0%} as it is set)",
                narrow_rate / bare >= 0.8,
            ),
        ],
    )


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _in_turn(*calls: Callable[[], float]) -> list[float]:
    """Returns the mean of each, all measured in turn: the machine is quicker at one time than at another."""
    rounds = [[call() for call in calls] for _ in range(_ROUNDS)]
    return [sum(found) / _ROUNDS for found in zip(*rounds, strict=True)]


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
        stack.enqueue(items("app", count))
        wait_for(lambda: stack.ingested() == _WARM_UP + count)
        return time.perf_counter() - started


def _posts_per_second(count: int, threads: int) -> float:
    """Returns the posts a second of the app where all messages are there already, as bare posts have their bodies."""
    with bench_stack(latency_ms=LATENCY_MS, ingest_seconds=INGEST_SECONDS) as stack:
        stack.enqueue(items("app", _WARM_UP + count))
        stack.start_host({"PYTHON_THREADPOOL_THREAD_COUNT": str(threads)})
        wait_for(lambda: sum(_is_post(request) for request in stack.asked()) == _WARM_UP + count)
        moments = [datetime.fromisoformat(request["time"]) for request in stack.asked() if _is_post(request)]
    return count / (moments[-1] - moments[_WARM_UP - 1]).total_seconds()


def _is_post(request: dict[str, Any]) -> bool:
    return request["method"] == "POST" and str(request["path"]).endswith("/items")
