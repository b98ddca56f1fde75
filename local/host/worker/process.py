"""The host's side of one worker process: starts it, hands it invocations, reads their results."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.host.faults import HostFault, IndexingFault
from local.host.worker.frames import Frame, FrameStream
from local.host.worker.invocation import Invocation, InvocationResult

_WORKER_PROGRAM = Path(__file__).with_name("program.py")
_STOP_SECONDS = 5.0
_logger = logging.getLogger("Host.Worker")


class WorkerProcess:
    """One worker process.

    Attributes:
        condemned: Whether the host is about to kill it; what it runs is then left to its own time-outs.
    """

    def __init__(self, app: Path, environment: Mapping[str, str], log_levels: Mapping[str, str]) -> None:
        """Start the process.

        Args:
            app: Folder of the function app.
            environment: The process's whole environment.
            log_levels: `logging.logLevel` of host.json.
        """
        self.condemned = False
        self._app = app
        self._log_levels = log_levels
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER_PROGRAM)],
            cwd=app,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # In a group of its own a signal to the host's group leaves it to the host to end the worker.
            process_group=0 if os.name == "posix" else None,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a worker process without pipes")
        self._stream = FrameStream(self._process.stdout, self._process.stdin)

    def load(self) -> list[dict[str, Any]]:
        """Have the worker import and index the app.

        Returns:
            `name`, `id`, `bindings` and `has_retry` of each function.

        Raises:
            HostFault: The worker ended.
            IndexingFault: The app cannot be loaded; the message is the runtime's own.
        """
        hello = Frame({"type": "hello", "app": str(self._app), "log_levels": dict(self._log_levels)})
        try:
            self._stream.write(hello)
            answer = self._stream.read()
        except OSError:
            answer = None
        if answer is None:
            self.stop()
            raise HostFault(
                f"The Python worker ended with exit code {self._process.returncode} while it loaded {self._app}; "
                "what it wrote stands above."
            )
        if answer.header["type"] == "load_error":
            self.stop()
            raise IndexingFault(answer.header["message"], answer.header["stack"])
        functions: list[dict[str, Any]] = answer.header["functions"]
        return functions

    def serve(self, *, ended: Callable[[str, InvocationResult], None], died: Callable[[int], None]) -> None:
        """Read results on a thread of its own.

        Args:
            ended: Called with an invocation's id and its result.
            died: Called with the exit code when the process has ended.
        """

        def read() -> None:
            while (frame := self._stream.read()) is not None:
                header = frame.header
                ended(header["id"], InvocationResult(header["succeeded"], header["error"], header["stack"]))
            died(self._process.wait())

        threading.Thread(target=read, name="worker", daemon=True).start()

    def send(self, invocation: Invocation) -> None:
        """Hand over an invocation; a worker that has ended is found out by its reader."""
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
            self._stream.write(Frame(header, invocation.data))
        except (OSError, ValueError):
            _logger.debug("An invocation could not be sent to a worker that had ended.")

    def kill(self) -> None:
        """End the process at once, with all that it runs."""
        self._process.kill()

    def stop(self) -> None:
        """Close the worker's pipe, which ends it, and make sure that it has ended."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                _logger.debug("The worker had ended before its pipe was closed.")
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
