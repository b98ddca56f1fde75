"""One part of the local stack, running as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import requests

from local.stack.serve import STOP_WITH_PARENT

_ANNOUNCEMENT = re.compile(r"listening on (http://\S+)")
# Loading the app and a dozen scenes takes seconds; on a busy machine some more.
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
# The first start of the Core Tools downloads the extension bundle.
_CORE_TOOLS_SECONDS = 120.0
_LOOPBACK = "127.0.0.1"
_TAIL_CHARACTERS = 1_500


class PartError(RuntimeError):
    """A part could not be started, or ended by itself; the message says why and what to do."""


class Part:
    """A part of the stack: a process of its own, `python -m MODULE …`, with its log in a file.

    Attributes:
        name: what people call it.
        log: the file with what it says.
        url: where it answers, once it is ready.
    """

    def __init__(
        self, name: str, module: str, arguments: list[str], *, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Starts the process; `wait_ready` waits for it.

        Args:
            name: what people call it.
            module: the module to run.
            arguments: its command line.
            log: the file with what it says.
            environment: added to this process's own.
        """
        command = [sys.executable, "-m", module, *arguments]
        self._run(name, command, log, {**environment, "PYTHONUNBUFFERED": "1", STOP_WITH_PARENT: "1"})

    def _run(
        self, name: str, command: list[str], log: Path, environment: Mapping[str, str], *, folder: Path | None = None
    ) -> None:
        self.name = name
        self.log = log
        self.url = ""
        self._command = command
        self._environment = {**os.environ, **environment}
        self._folder = folder
        log.write_bytes(b"")
        self._process = self._popen(command)

    def _popen(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the stack, which then stops its parts in order
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Waits until the part says where it listens.

        Raises:
            PartError: it ended, or is not ready in a minute; its last words are told.
        """
        give_up = time.monotonic() + _START_SECONDS
        while time.monotonic() < give_up:
            found = _ANNOUNCEMENT.search(self.log.read_text(encoding="utf-8", errors="replace"))
            if found:
                self.url = found[1]
                return
            self.check()
            time.sleep(0.02)
        raise PartError(f"The {self.name} was not ready within {_START_SECONDS:.0f} s. It said:\n{self._tail()}")

    def ended(self) -> str | None:
        """Return how the part ended by itself, with the last line of its log; None while it runs."""
        exit_code = self._process.poll()
        if exit_code is None:
            return None
        how = f"killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
        last = self._tail().rpartition("\n")[2]
        return f"{how}, last line: {last}"

    def restart(self) -> None:
        """Start a part that has ended again, at the same address; its log continues."""
        self._close_pipe()
        port = self.url.rpartition(":")[2]
        self._process = self._popen([*self._command, "--port", port] if port else self._command)

    def check(self) -> None:
        """Raises where the part has ended.

        Raises:
            PartError: it has ended by itself; its last words are told.
        """
        if self._process.poll() is not None:
            raise PartError(f"The {self.name} ended by itself. It said:\n{self._tail()}")

    def stop(self) -> None:
        """Stops the part and waits until it has ended."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace").strip()[-_TAIL_CHARACTERS:]


class CoreToolsHost(Part):
    """The real Functions host: `func start` of the Azure Functions Core Tools."""

    def __init__(self, program: str, app: Path, port: int, *, log: Path, environment: Mapping[str, str]) -> None:
        """Starts the host; `wait_ready` waits until it says that it runs.

        Args:
            program: path of `func`.
            app: folder of the function app.
            port: where it listens.
            log: the file with what it says.
            environment: the app's settings.
        """
        self._status = f"http://{_LOOPBACK}:{port}/admin/host/status"
        settings = {**environment, "FUNCTIONS_WORKER_RUNTIME": "python"}
        # Its worker is the Python of the virtual environment that comes first on PATH.
        settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command = [program, "start", "--port", str(port)]
        self._run("Functions host (Core Tools)", command, log, settings, folder=app)

    def wait_ready(self) -> None:
        """Waits until the host runs.

        Raises:
            PartError: it ended, or does not run within two minutes; its last words are told.
        """
        give_up = time.monotonic() + _CORE_TOOLS_SECONDS
        while time.monotonic() < give_up:
            self.check()
            try:
                if requests.get(self._status, timeout=2).json().get("state") == "Running":
                    self.url = self._status.removesuffix("/admin/host/status")
                    return
            except (requests.RequestException, ValueError):
                time.sleep(0.2)
        raise PartError(f"The {self.name} did not run within {_CORE_TOOLS_SECONDS:.0f} s. It said:\n{self._tail()}")
