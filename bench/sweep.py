"""How many messages one instance should work on at once: posts a second by threads, batch size and threshold."""

import time

from bench.items import items
from bench.report import Section
from bench.stack import HOST_QUEUES, bench_stack, cpu_seconds, wait_for
from bench.throughput import INGEST_SECONDS, LATENCY_MS

_WARM_UP = 40
# batchSize and newBatchThreshold of host.json; the app takes as many threads as both together.
_SETTINGS = ((4, 4), (8, 8), (16, 0), (16, 8), (16, 16), (32, 0), (32, 16), (32, 32))


def measure(scale: float) -> Section:
    """Ingests 600 items with each setting at full size."""
    count = max(int(600 * scale), 60)
    rows: list[list[str]] = []
    for batch, threshold in _SETTINGS:
        seconds, processor, memory = _run(count, batch, threshold)
        threads = batch + threshold
        rows.append(
            [
                f"{batch} + {threshold}",
                str(threads),
                f"{count / seconds:.0f}",
                f"{count / seconds * LATENCY_MS / 1000 / threads:.0%}",
                f"{processor / count * 1000:.1f}",
                f"{memory:.0f}",
            ]
        )
    return Section(
        [
            "batchSize + newBatchThreshold",
            "threads",
            "items posted a second",
            "of what the latency allows",
            "CPU ms an item",
            "MB of memory",
        ],
        rows,
    )


def _run(count: int, batch: int, threshold: int) -> tuple[float, float, float]:
    settings = {
        f"{HOST_QUEUES}batchSize": str(batch),
        f"{HOST_QUEUES}newBatchThreshold": str(threshold),
    }
    with bench_stack() as stack:
        worker = stack.start_host(settings)
        stack.enqueue(items("warm-up", _WARM_UP))
        wait_for(lambda: stack.ingested() == _WARM_UP)
        stack.behave({"latency_ms": LATENCY_MS, "ingest_seconds": list(INGEST_SECONDS)})
        before, started = cpu_seconds(worker), time.perf_counter()
        stack.enqueue(items("app", count))
        wait_for(lambda: sum(request["method"] == "POST" for request in stack.asked()) >= count)
        seconds = time.perf_counter() - started
        wait_for(lambda: stack.ingested() == _WARM_UP + count)
        return seconds, cpu_seconds(worker) - before, worker.memory_info().rss / 1e6
