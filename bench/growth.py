"""From 1,000 to 20,000 items: whether processor time per item and the app's memory stay as they are."""

import time

from bench.items import items
from bench.report import Goal, Section
from bench.stack import bench_stack, cpu_seconds, wait_for

_ITEMS = 20_000
_STEP = 1_000
_MOST_OPEN = 500
_PORTION = 250
_MOST_GROWTH = 1.1
_SHOWN = 5


def measure(scale: float) -> Section:
    """Ingests 20,000 items at full size, at most 500 at a time, and removes the results as they come."""
    count, step = int(_ITEMS * scale), int(_STEP * max(scale, 0.2))
    cpu: list[float] = []
    memory: list[float] = []
    rates: list[float] = []
    with bench_stack() as stack:
        worker = stack.start_host()
        sent = 0
        for end in range(step, count + 1, step):
            started, before = time.perf_counter(), cpu_seconds(worker)
            while sent < end:
                portion = min(_PORTION, end - sent)
                stack.enqueue(items(f"item-{sent}", portion))
                sent += portion
                enough = sent - _MOST_OPEN + _PORTION
                wait_for(lambda enough=enough: stack.ingested() >= enough)  # type: ignore[misc]
                stack.clear_results()
            wait_for(lambda end=end: stack.ingested() == end)  # type: ignore[misc]
            cpu.append((cpu_seconds(worker) - before) / step * 1000)
            memory.append(worker.memory_info().rss / 1e6)
            rates.append(step / (time.perf_counter() - started))
    shown = sorted({0, 1, *range(len(cpu) - 1, 0, -max(1, len(cpu) // _SHOWN))})
    # The first thousand loads modules and opens connections; it is shown, and the second is what is compared with.
    cpu_growth, memory_growth = cpu[-1] / cpu[1], memory[-1] / memory[1]
    return Section(
        ["items so far", "CPU ms an item", "MB of memory", "items a second"],
        [
            [f"{(index + 1) * step:,}", f"{cpu[index]:.1f}", f"{memory[index]:.0f}", f"{rates[index]:.0f}"]
            for index in shown
        ],
        [
            Goal("Processor time per item flat within 10 %", f"{cpu_growth:.2f} times", cpu_growth <= _MOST_GROWTH),
            Goal("Memory flat within 10 %", f"{memory_growth:.2f} times", memory_growth <= _MOST_GROWTH),
        ],
    )
