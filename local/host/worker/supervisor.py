"""Keeps one worker running and hands invocations to it, with the time-outs and restarts of the Functions host."""

import concurrent.futures
import logging
import sched
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.host.configuration.app_settings import AppSettings
from local.host.configuration.durations import Durations
from local.host.configuration.host_json import HostJson
from local.host.configuration.thread_pool import ThreadPool
from local.host.deadlines import Deadlines
from local.host.faults import HostFault
from local.host.worker.deaths import WorkerDeaths
from local.host.worker.invocation import Invocation, InvocationResult
from local.host.worker.process import WorkerProcess

_logger = logging.getLogger("Host.Worker")

# From the failure of an invocation that took too long to the end of its worker.
_GRACE_SECONDS = 2.0


@dataclass
class _Flight:
    """An invocation that has not ended, and the worker that has it (None while it waits for one)."""

    invocation: Invocation
    future: "concurrent.futures.Future[InvocationResult]"
    started: float
    worker: WorkerProcess | None
    deadline: sched.Event | None = None


class WorkerSupervisor:
    """Hands invocations to the one worker; they wait while there is none."""

    def __init__(
        self,
        *,
        app: Path,
        settings: AppSettings,
        host_json: HostJson,
        durations: Durations,
        deadlines: Deadlines,
        threads: ThreadPool,
        gave_up: Callable[[str], None],
    ) -> None:
        """Make a supervisor; `start` starts the first worker.

        Args:
            app: Folder of the function app.
            settings: The app's settings, which are the worker's environment.
            host_json: The app's host.json.
            durations: The host's durations.
            deadlines: What runs time-outs.
            threads: Width of the worker's thread pool.
            gave_up: Called with the reason when no further worker is started.
        """
        self._app = app
        self._environment = settings.environment
        self._log_levels = host_json.log_levels
        self._timeout = host_json.function_timeout
        self._deadlines = deadlines
        self._threads = threads
        self._gave_up = gave_up
        self._deaths = WorkerDeaths(durations)
        self._changed = threading.Condition()
        self._worker: WorkerProcess | None = None
        self._flights: dict[str, _Flight] = {}
        self._stopping = threading.Event()

    def start(self) -> list[dict[str, Any]]:
        """Start the worker and load the app.

        Returns:
            `name`, `id`, `bindings` and `has_retry` of each function.

        Raises:
            HostFault: The worker ended while it loaded the app.
            IndexingFault: The app cannot be loaded; the message is the runtime's own.
        """
        return self._start_worker(restarted=False)

    def invoke(self, invocation: Invocation) -> "concurrent.futures.Future[InvocationResult]":
        """Start an invocation.

        Returns:
            A future of its result. It ends when the function has ended, when its time is over, or when the worker
            died; never when the host itself stops, which leaves the invocation as a kill would.
        """
        _logger.info("Executing (Reason='%s')", invocation.reason, extra=_of(invocation))
        flight = _Flight(invocation, concurrent.futures.Future(), time.monotonic(), None)
        if self._timeout is not None:
            flight.deadline = self._deadlines.after(self._timeout, lambda: self._exceeded(flight))
        with self._changed:
            self._flights[invocation.id] = flight
            flight.worker = worker = self._worker
        if worker is not None:
            worker.send(invocation)
        return flight.future

    @property
    def in_flight(self) -> int:
        """Number of invocations that have not ended."""
        with self._changed:
            return len(self._flights)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no invocation is running; False when time is up first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._flights, seconds)

    def stop(self) -> None:
        """End the worker, with all that it runs."""
        self._stopping.set()
        with self._changed:
            worker = self._worker
        if worker is not None:
            worker.stop()

    def _start_worker(self, *, restarted: bool) -> list[dict[str, Any]]:
        environment = self._environment | self._threads.environment(restarted=restarted)
        worker = WorkerProcess(self._app, environment, self._log_levels)
        functions = worker.load()
        worker.serve(ended=self._answered, died=lambda exit_code: self._died(worker, exit_code))
        with self._changed:
            self._worker = worker
            waiting = [flight for flight in self._flights.values() if flight.worker is None]
            for flight in waiting:
                flight.worker = worker
        for flight in waiting:
            worker.send(flight.invocation)
        return functions

    def _answered(self, invocation_id: str, result: InvocationResult) -> None:
        with self._changed:
            flight = self._flights.get(invocation_id)
        if flight is not None:
            self._end(flight, result)

    def _died(self, worker: WorkerProcess, exit_code: int) -> None:
        if self._stopping.is_set():
            return
        with self._changed:
            if self._worker is worker:
                self._worker = None
            flights = [flight for flight in self._flights.values() if flight.worker is worker]
        if worker.condemned:
            # The host waits for the answers of its other invocations, which cannot come, until their own time-outs.
            self._restart(0.0)
            return
        _logger.error("The Python worker ended (exit code %s).", exit_code)
        for flight in flights:
            self._end(flight, InvocationResult(False, f"The Python worker ended (exit code {exit_code})."))
        self._restart_after_death(exit_code)

    def _restart_after_death(self, exit_code: int) -> None:
        pause = self._deaths.pause(time.monotonic())
        if pause is None:
            self._gave_up(f"Exceeded language worker restart retry count (last exit code {exit_code}).")
        else:
            self._restart(pause)

    def _restart(self, pause: float) -> None:
        if self._stopping.wait(pause):
            return
        try:
            self._start_worker(restarted=True)
        except HostFault as fault:
            _logger.error("%s", fault)  # noqa: TRY400 - the fault is a sentence of its own
            self._restart_after_death(1)

    def _end(self, flight: _Flight, result: InvocationResult) -> bool:
        invocation = flight.invocation
        with self._changed:
            if self._flights.pop(invocation.id, None) is None:
                return False
            self._changed.notify_all()
        self._deadlines.cancel(flight.deadline)
        milliseconds = (time.monotonic() - flight.started) * 1000
        if result.succeeded:
            _logger.info("Executed (Succeeded, Duration=%.0fms)", milliseconds, extra=_of(invocation))
        else:
            detail = (result.stack or result.error or "").rstrip()
            _logger.error("Executed (Failed, Duration=%.0fms) %s", milliseconds, detail, extra=_of(invocation))
        flight.future.set_result(result)
        return True

    def _exceeded(self, flight: _Flight) -> None:
        name = flight.invocation.function.full_name
        error = f"Timeout value of {self._timeout:g} s exceeded by function: {name}"
        was_running = self._end(flight, InvocationResult(False, error))
        worker = flight.worker
        # A thread cannot be stopped, so the host starts the whole process anew.
        if was_running and worker is not None and worker is self._worker and not worker.condemned:
            worker.condemned = True
            self._deadlines.after(_GRACE_SECONDS, worker.kill)


def _of(invocation: Invocation) -> dict[str, str]:
    return {
        "category": f"Function.{invocation.function.name}",
        "function_name": invocation.function.name,
        "invocation_id": invocation.id,
    }
