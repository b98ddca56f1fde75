"""What a function's own threads carry along, and that no exception leaves them which the worker cannot bear."""

import asyncio
import contextvars
import logging
import threading
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from functions.own_threads import FunctionEnded, FunctionOverdue, OwnThreads
from shared.basics import deadline
from shared.basics.parallel import run_all
from tests.properties.catalog import wait_until

marker = contextvars.ContextVar("marker", default="")


def invocation() -> func.Context:
    context: Any = SimpleNamespace(invocation_id="id-7", thread_local_storage=threading.local())
    return cast("func.Context", context)


def test_the_parent_span_and_the_deadline_reach_the_work_and_what_it_runs_at_once() -> None:
    parent = SpanContext(
        0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, is_remote=True, trace_flags=TraceFlags(1)
    )
    seen: list[tuple[str, int, bool]] = []

    def look(_: int = 0) -> None:
        seen.append((marker.get(), trace.get_current_span().get_span_context().span_id, deadline.remaining() <= 7))

    def look_around() -> None:
        look()
        run_all(look, range(3))

    async def run() -> None:
        marker.set("outside")
        with trace.use_span(NonRecordingSpan(parent)):
            await OwnThreads("f", 1, 8).run(look_around, invocation())

    asyncio.run(run())
    assert seen == [("outside", parent.span_id, True)] * 4
    assert deadline.remaining() == float("inf")


@pytest.mark.parametrize("kind", [asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration])
def test_what_would_end_or_hang_the_worker_becomes_an_ordinary_exception(kind: type[BaseException]) -> None:
    def work() -> None:
        raise kind("why")

    with pytest.raises(FunctionEnded, match=f"Function f ended with {kind.__name__}: why"):
        asyncio.run(OwnThreads("f", 1, 8).run(work, invocation()))


def test_a_cancelled_invocation_ends_with_an_ordinary_exception() -> None:
    begun, release = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait(60)

    async def run() -> None:
        task = asyncio.ensure_future(OwnThreads("f", 1, 60).run(work, invocation()))
        await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(FunctionEnded, match="CancelledError"):
            await task
        release.set()

    asyncio.run(run())


def test_an_overdue_run_costs_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    threads, release = OwnThreads("f", 1, 0.2), threading.Event()

    async def run() -> None:
        with pytest.raises(FunctionOverdue, match="did not end within 0 s"):
            await threads.run(lambda: (release.wait(60), None)[-1], invocation())
        await threads.run(lambda: None, invocation())
        release.set()
        await asyncio.to_thread(wait_until, lambda: "ended after all" in caplog.text)

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
