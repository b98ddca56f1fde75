"""The host's side of the worker: starts the process, hands it invocations, restarts it when it ends."""

import concurrent.futures
import logging
import os
import sched
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.host.app_settings import AppSettings
from local.host.deadlines import Deadlines
from local.host.faults import HostFault
from local.host.frames import Frame, FrameStream
from local.host.functions import Function
from local.host.host_json import HostJson
from local.host.thread_pool import ThreadPool

_WORKER_PROGRAM = Path(__file__).with_name("worker.py")
_logger = logging.getLogger("Host.Worker")

# Pauses before a worker that ended is started again: they double, and start over after a worker that lasted.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0
_LASTING_SECONDS = 10.0
_STOP_SECONDS = 5.0

#: The trigger's metadata: kind (`string` or `json`) and value by name.
Metadata = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Invocation:
    """What the worker needs to call a function once.

    Attributes:
        function: Which function.
        data_type: The runtime's name for the kind of data: `string`, `bytes` or `json`.
        data: The trigger's data; text in UTF-8.
        metadata: The trigger's metadata.
        reason: Why the function runs, for the log.
    """

    function: Function
    data_type: str
    data: bytes
    metadata: Metadata
    reason: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class InvocationResult:
    """How an invocation ended; `error` and `stack` are None when it succeeded."""

    succeeded: bool
    error: str | None = None
    stack: str | None = None


_STOPPING = InvocationResult(False, "The host is stopping.")


@dataclass
class _Flight:
    invocation: Invocation
    future: "concurrent.futures.Future[InvocationResult]"
    started: float
    deadline: sched.Event | None = None


class _Worker:
    """One process with the invocations it was given."""

    def __init__(self, app: Path, environment: dict[str, str]) -> None:
        self.started = time.monotonic()
        self.flights: dict[str, _Flight] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER_PROGRAM)],
            cwd=app,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # In a group of its own a signal to the host's group leaves it to the host to end the worker.
            process_group=0 if os.name == "posix" else None,
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("a worker process without pipes")
        self.stream = FrameStream(self.process.stdout, self.process.stdin)

    def stop(self) -> None:
        """Close the worker's pipe, which ends it, and make sure that it has ended."""
        if self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                _logger.debug("The worker had ended before its pipe was closed.")
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class WorkerSupervisor:
    """Keeps one worker running and hands invocations to it; they wait while there is none."""

    def __init__(
        self, app: Path, settings: AppSettings, host_json: HostJson, deadlines: Deadlines, threads: ThreadPool
    ) -> None:
        self._app = app
        self._threads = threads
        self._environment = settings.environment
        self._log_levels = host_json.log_levels
        self._timeout = host_json.function_timeout
        self._deadlines = deadlines
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._waiting: dict[str, _Flight] = {}
        self._pause = _FIRST_PAUSE
        self._stopping = threading.Event()

    def start(self) -> list[dict[str, Any]]:
        """Start the worker and load the app.

        Returns:
            `name`, `id`, `bindings` and `has_retry` of each function.

        Raises:
            HostFault: The app cannot be loaded; the message has the runtime's own.
        """
        worker, functions = self._start_worker(restarted=False)
        self._take_over(worker)
        return functions

    def invoke(self, invocation: Invocation) -> "concurrent.futures.Future[InvocationResult]":
        """Start an invocation.

        Returns:
            A future that always ends with a result: also when the worker ends or the function takes too long.
        """
        extra = {
            "category": f"Function.{invocation.function.name}",
            "function_name": invocation.function.name,
            "invocation_id": invocation.id,
        }
        _logger.info("Executing (Reason='%s')", invocation.reason, extra=extra)
        flight = _Flight(invocation, concurrent.futures.Future(), time.monotonic())
        if self._stopping.is_set():
            self._end(flight, _STOPPING)
            return flight.future
        with self._lock:
            worker = self._worker
            if worker is None:
                self._waiting[invocation.id] = flight
            else:
                worker.flights[invocation.id] = flight
        if self._timeout is not None:
            flight.deadline = self._deadlines.after(self._timeout, lambda: self._exceeded(flight))
        if worker is not None:
            self._send(worker, invocation)
        return flight.future

    @property
    def in_flight(self) -> int:
        """Number of invocations that have not ended."""
        with self._lock:
            return len(self._waiting) + (len(self._worker.flights) if self._worker else 0)

    def stop(self) -> None:
        """End the worker; invocations that still run count as failed."""
        self._stopping.set()
        with self._lock:
            worker = self._worker
            waiting, self._waiting = self._waiting, {}
        for flight in waiting.values():
            self._end(flight, _STOPPING)
        if worker is not None:
            worker.stop()

    def _start_worker(self, *, restarted: bool) -> tuple[_Worker, list[dict[str, Any]]]:
        worker = _Worker(self._app, self._environment | self._threads.environment(restarted=restarted))
        hello = Frame({"type": "hello", "app": str(self._app), "log_levels": self._log_levels})
        try:
            worker.stream.write(hello)
            answer = worker.stream.read()
        except OSError:
            answer = None
        if answer is None:
            worker.stop()
            raise HostFault(
                f"The Python worker ended with exit code {worker.process.returncode} while it loaded {self._app}; "
                "what it wrote stands above."
            )
        if answer.header["type"] == "load_error":
            worker.stop()
            raise HostFault(
                f"{answer.header['stack']}\nThe function app in {self._app} cannot be loaded: "
                f"{answer.header['message']}"
            )
        functions: list[dict[str, Any]] = answer.header["functions"]
        return worker, functions

    def _take_over(self, worker: _Worker) -> None:
        threading.Thread(target=self._read, args=(worker,), name="worker", daemon=True).start()
        with self._lock:
            self._worker = worker
            waiting, self._waiting = self._waiting, {}
            worker.flights.update(waiting)
        for flight in waiting.values():
            self._send(worker, flight.invocation)

    @staticmethod
    def _send(worker: _Worker, invocation: Invocation) -> None:
        header = {
            "type": "invoke",
            "id": invocation.id,
            "function_id": invocation.function.id,
            "function_name": invocation.function.name,
            "parameter": invocation.function.trigger.parameter,
            "data_type": invocation.data_type,
            "metadata": invocation.metadata,
        }
        try:
            worker.stream.write(Frame(header, invocation.data))
        except (OSError, ValueError):
            # The worker has ended; whoever reads its pipe sees that and fails this invocation with the others.
            _logger.debug("An invocation could not be sent to a worker that had ended.")

    def _read(self, worker: _Worker) -> None:
        while (frame := worker.stream.read()) is not None:
            with self._lock:
                flight = worker.flights.pop(frame.header["id"], None)
            if flight is not None:
                header = frame.header
                self._end(flight, InvocationResult(header["succeeded"], header["error"], header["stack"]))
        exit_code = worker.process.wait()
        with self._lock:
            if self._worker is worker:
                self._worker = None
            flights, worker.flights = worker.flights, {}
        for flight in flights.values():
            self._end(flight, InvocationResult(False, f"The Python worker ended (exit code {exit_code})."))
        if not self._stopping.is_set():
            self._restart(worker, exit_code)

    def _restart(self, ended: _Worker, exit_code: int) -> None:
        if time.monotonic() - ended.started > _LASTING_SECONDS:
            self._pause = _FIRST_PAUSE
        while not self._stopping.wait(self._pause):
            _logger.error("The Python worker ended (exit code %s); starting another one.", exit_code)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            try:
                worker, _ = self._start_worker(restarted=True)
            except HostFault as fault:
                _logger.error("%s", fault)  # noqa: TRY400 - the fault is a sentence of its own
                continue
            self._take_over(worker)
            return

    def _end(self, flight: _Flight, result: InvocationResult) -> None:
        self._deadlines.cancel(flight.deadline)
        invocation = flight.invocation
        extra = {
            "category": f"Function.{invocation.function.name}",
            "function_name": invocation.function.name,
            "invocation_id": invocation.id,
        }
        milliseconds = (time.monotonic() - flight.started) * 1000
        if result.succeeded:
            _logger.info("Executed (Succeeded, Duration=%.0fms)", milliseconds, extra=extra)
        else:
            detail = (result.stack or result.error or "").rstrip()
            _logger.error("Executed (Failed, Duration=%.0fms) %s", milliseconds, detail, extra=extra)
        flight.future.set_result(result)

    def _exceeded(self, flight: _Flight) -> None:
        invocation = flight.invocation
        with self._lock:
            worker = self._worker
            was_waiting = self._waiting.pop(invocation.id, None)
            was_running = worker.flights.pop(invocation.id, None) if worker else None
        if was_waiting is None and was_running is None:
            return
        error = f"Timeout value of {self._timeout:g} s exceeded by function: {invocation.function.full_name}"
        self._end(flight, InvocationResult(False, error))
        if worker is not None and was_running is not None:
            # A thread cannot be stopped, so the host starts the whole process anew.
            worker.process.kill()
