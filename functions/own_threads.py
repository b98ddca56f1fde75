"""Threads of the app's own for each function, so that its width does not depend on how the worker came to be.

The worker's pool has 5, 6, 32 or 1,000 threads for the same app (docs/decisions.md), and blocking work in an async
function would stop everything else in the worker. So each function hands its work to own threads and awaits it.
"""

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import azure.functions as func

from shared import telemetry
from shared.basics import deadline
from shared.basics.redact import redact

log = logging.getLogger(__name__)


class FunctionEnded(Exception):
    """A function ended with something that is no ordinary exception, which would end or hang the whole worker."""


class FunctionOverdue(Exception):
    """A function did not end in its time; the host gives its message again."""


class OwnThreads:
    """The threads of one function.

    Args:
        function: name of the function.
        width: how many of its invocations run at once.
        seconds: how long one may take, from its receipt.
    """

    def __init__(self, function: str, width: int, seconds: float) -> None:
        self._function = function
        self._width = width
        self._seconds = seconds
        self._executor = self._new_executor()
        log.info("Function %s: up to %s runs at once, each of at most %.0f s", function, width, seconds)

    async def run(self, work: Callable[[], None], invocation: func.Context) -> None:
        """Run work in one of the threads, in a copy of the present context, and wait for its end.

        Args:
            work: what to do.
            invocation: the invocation it is done for.

        Raises:
            FunctionEnded: it ended with an exception such as SystemExit, which would end the worker process.
            FunctionOverdue: it did not end in its time. Its thread is left to itself and replaced.
        """
        received = time.monotonic()
        with telemetry.invocation(self._function, invocation.invocation_id), _ordinary_exceptions(self._function):
            deadline.start(received, self._seconds)
            context, executor = contextvars.copy_context(), self._executor
            ended = asyncio.get_running_loop().run_in_executor(executor, context.run, self._call, work, invocation)
            done, _ = await asyncio.wait({ended}, timeout=self._seconds)
            if done:
                ended.result()
                return
            ended.add_done_callback(self._note_end)
            if executor is self._executor:
                # What runs or waits in the old one still ends there.
                self._executor = self._new_executor()
                executor.shutdown(wait=False)
            raise FunctionOverdue(
                f"Function {self._function} did not end within {self._seconds:.0f} s of its receipt; it was left."
            )

    def _call(self, work: Callable[[], None], invocation: func.Context) -> None:
        # The worker looks here for the invocation that a log line of this thread belongs to
        # (learn.microsoft.com/azure/azure-functions/functions-reference-python#log-from-created-threads).
        of_thread: Any = invocation.thread_local_storage
        of_thread.invocation_id = invocation.invocation_id
        try:
            with _ordinary_exceptions(self._function):
                work()
        finally:
            of_thread.invocation_id = None

    def _note_end(self, overdue: "asyncio.Future[None]") -> None:
        error = None if overdue.cancelled() else overdue.exception()
        log.warning("An overdue run of function %s ended after all: %s", self._function, type(error).__name__)

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._width, thread_name_prefix=self._function)


@contextmanager
def _ordinary_exceptions(function: str) -> Iterator[None]:
    """Turn what no caller expects into an ordinary exception.

    Of CancelledError the worker never tells the host; SystemExit and KeyboardInterrupt end the worker with all that
    runs in it; and a future cannot carry StopIteration (asyncio.Future.set_exception).
    """
    try:
        yield
    except StopIteration as error:
        raise FunctionEnded(f"Function {function} ended with StopIteration: {redact(str(error))}") from error
    except Exception:
        raise
    except BaseException as error:
        raise FunctionEnded(f"Function {function} ended with {type(error).__name__}: {redact(str(error))}") from error


_lock = threading.Lock()
_threads: dict[str, OwnThreads] = {}


def threads_of(function: str, width: int, seconds: float) -> OwnThreads:
    """Return the threads of a function, made at its first run.

    Args:
        function: name of the function.
        width: see OwnThreads.
        seconds: see OwnThreads.
    """
    with _lock:
        if function not in _threads:
            _threads[function] = OwnThreads(function, width, seconds)
        return _threads[function]
