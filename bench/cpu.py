"""Processor time per item where GeoCatalog answers at once: the app's process against bare calls."""

import itertools
import threading
import time
from collections.abc import Callable

from bench.alternatives import bare_posts
from bench.items import items
from bench.report import Goal, Section
from bench.stack import BenchStack, bench_stack, cpu_seconds, wait_for
from bench.storage_calls import BareStorage

_WARM_UP = 100
_MOST = 1.5


def measure(scale: float) -> Section:
    """Measures 1,000 items at full size."""
    count = max(int(1_000 * scale), 100)
    with bench_stack() as stack:
        app = _app(stack, count)
        stack.clear_results()
        bare = _bare(lambda: _posts(stack, count), count)
        calls = _bare(lambda: _posts_with_storage(stack, count), count)
    found = {
        "C: the post alone": bare,
        "C and the same number of storage calls, made by the SDKs alone": calls,
        "the app's process in all, with Microsoft's runtime and the tracker": app,
    }
    return Section(
        ["per item", "ms of processor time"],
        [[name, f"{value:.1f}"] for name, value in found.items()],
        [Goal(f"At most {_MOST} times C and its storage calls", f"{app / calls:.2f} times", app / calls <= _MOST)],
    )


def _app(stack: BenchStack, count: int) -> float:
    worker = stack.start_host()
    stack.enqueue(items("warm-up", _WARM_UP))
    wait_for(lambda: stack.ingested() == _WARM_UP)
    before = cpu_seconds(worker)
    stack.enqueue(items("app", count))
    wait_for(lambda: stack.ingested() == _WARM_UP + count)
    return (cpu_seconds(worker) - before) / count * 1000


def _bare(call: Callable[[], None], count: int) -> float:
    before = time.process_time()
    call()
    return (time.process_time() - before) / count * 1000


def _posts(stack: BenchStack, count: int) -> None:
    bare_posts(stack.url, items("bare", count), lambda post: post())


def _posts_with_storage(stack: BenchStack, count: int) -> None:
    storage = BareStorage(stack.app.storage)
    documents = items("storage", count)
    numbers, lock = itertools.count(), threading.Lock()
    pairs: list[tuple[str, str]] = []

    def around(post: Callable[[], str]) -> None:
        with lock:
            document = documents[next(numbers)]
        pairs.append(storage.around(document, post))

    bare_posts(stack.url, documents, around)
    storage.close(pairs)
