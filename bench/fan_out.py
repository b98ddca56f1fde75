"""A file of 100,000 items by href: how fast its items become messages, and what memory that takes."""

import json
import time
from datetime import UTC, datetime

import psutil

from bench.items import body, item
from bench.report import Goal, Section
from bench.stack import BenchStack, bench_stack, cpu_seconds
from shared.items.fan_out import MAX_ITEMS_PER_RUN
from shared.items.ingestion import ingest_message

_ITEMS = 100_000
_STEPS = 10
_MOST_GROWTH = 1.1


def measure(scale: float) -> Section:
    """Measures 100,000 items of about 700 bytes at full size, each thousand in a run of its own."""
    count = int(_ITEMS * scale)
    process = psutil.Process()
    rows: list[list[str]] = []
    rates: list[float] = []
    with bench_stack() as stack:
        href, size = _upload(stack, count)
        enqueued_at = datetime.now(UTC)
        step = count // _STEPS
        memory: list[float] = []
        for begin in range(0, count, step):
            started, before = time.perf_counter(), cpu_seconds(process)
            for offset in range(begin, begin + step, MAX_ITEMS_PER_RUN):
                message = {"href": href, "attempt": 0, **({"offset": offset} if offset else {})}
                ingest_message(json.dumps(message).encode(), enqueued_at, stack.app)
                # Azurite slows with every message on its queues; Azure's queues do not.
                stack.app.queues.client("items").clear_messages()
            seconds, processor = time.perf_counter() - started, cpu_seconds(process) - before
            rates.append(step / seconds)
            memory.append(process.memory_info().rss / 1e6)
            rows.append(
                [
                    f"{begin + step:,}",
                    f"{rates[-1]:.0f}",
                    f"{processor / step * 1000:.2f}",
                    f"{memory[-1]:.0f}",
                ]
            )
    growth = memory[-1] / memory[0]
    slowest = min(rates[1:]) / rates[0]
    return Section(
        [f"items of {count:,} ({size / 1e6:.0f} MB)", "items a second", "CPU ms an item", "MB of memory"],
        rows,
        [
            Goal("A steady rate", f"the slowest tenth at {slowest:.0%} of the first", slowest >= 0.8),
            Goal("Bounded memory", f"{growth:.2f} times that after the first tenth", growth <= _MOST_GROWTH),
        ],
    )


def _upload(stack: BenchStack, count: int) -> tuple[str, int]:
    content = b"".join(body(item(f"scene-{number}", assets=1)) + b"\n" for number in range(count))
    blob = stack.app.storage.blobs.get_blob_client("incoming", "many.ndjson")
    blob.upload_blob(content, overwrite=True, read_timeout=120)
    return str(blob.url), len(content)
