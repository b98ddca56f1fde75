"""The host: loads the app, listens for each of its functions, and stops."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.host.configuration.app_settings import AppSettings
from local.host.configuration.host_id import host_id
from local.host.configuration.host_json import HostJson
from local.host.configuration.options import Options
from local.host.configuration.thread_pool import ThreadPool
from local.host.deadlines import Deadlines
from local.host.faults import FunctionFault, HostFault, IndexingFault
from local.host.functions import Function, UnsupportedFault, parse_function
from local.host.listeners import Listeners
from local.host.storage.connections import HOST_CONNECTION, Connections
from local.host.storage.errors import one_line
from local.host.worker.invocation import Invocation, InvocationResult
from local.host.worker.supervisor import WorkerSupervisor

_logger = logging.getLogger("Host.Startup")

#: With this setting a stop begins with a drain; without it messages are received until nothing runs.
_DRAIN_SETTING = "FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING"
# Where this is set, the Functions host drains too.
_KUBERNETES = "KUBERNETES_SERVICE_HOST"

#: The key of `Host.errors` for an app that could not be indexed at all.
ALL_FUNCTIONS = "*"


class Host:
    """One running host of one function app.

    Attributes:
        id: The host's id.
        functions: The functions of the app by name, those in error included.
        errors: What is wrong with a function, by its name; under `*` why the app could not be indexed.
        stop_reason: Why the host stops by itself; None while it runs or when it was asked to stop.
    """

    def __init__(
        self, app: Path, settings: AppSettings, host_json: HostJson, options: Options, *, shut_down: Callable[[], None]
    ) -> None:
        """Make a host; `load` and `start` run it.

        Args:
            app: Folder of the function app.
            settings: The app's settings.
            host_json: The app's host.json.
            options: The stand-in's own options.
            shut_down: Called once when the host has to stop by itself; whoever serves it then calls `stop`.
        """
        self.id = host_id(app, settings)
        self.settings = settings
        self.functions: dict[str, Function] = {}
        self.errors: dict[str, str] = {}
        self.stop_reason: str | None = None
        self.connections = Connections(settings, options.durations)
        self._app = app
        self._host_json = host_json
        self._options = options
        self._shut_down = shut_down
        self._one_reason = threading.Lock()
        self._deadlines = Deadlines()
        self.worker = WorkerSupervisor(
            app=app,
            settings=settings,
            host_json=host_json,
            durations=options.durations,
            deadlines=self._deadlines,
            threads=ThreadPool(options.threads, settings),
            gave_up=self._stop_by_itself,
        )
        self._listeners = Listeners(
            host_id=self.id,
            settings=settings,
            host_json=host_json,
            options=options,
            connections=self.connections,
            deadlines=self._deadlines,
            run=self._run,
            failed=self._unhandled,
        )

    def load(self) -> None:
        """Start the worker and index the app; one that cannot be indexed leaves a host without functions.

        Raises:
            HostFault: The worker ended, or a binding is not supported.
        """
        try:
            documents = self.worker.start()
        except IndexingFault as fault:
            self.errors[ALL_FUNCTIONS] = str(fault)
            _logger.error(  # noqa: TRY400 - the stack is the runtime's
                "Worker failed to index functions in %s: %s\n%s", self._app, fault, fault.stack
            )
            return
        for document in documents:
            self._add_function(document)
        if not documents:
            self.errors[ALL_FUNCTIONS] = f"No functions were found in {self._app / 'function_app.py'}."
            _logger.warning("%s", self.errors[ALL_FUNCTIONS])
        for setting in self._host_json.ignored:
            _logger.warning("The setting '%s' of host.json has no effect here.", setting)

    def _add_function(self, document: dict[str, Any]) -> None:
        try:
            function = parse_function(document)
        except UnsupportedFault as fault:
            if not self._options.skip_unsupported:
                raise
            self._report(document["name"], fault)
        except FunctionFault as fault:
            self._report(document["name"], fault)
        else:
            self.functions[function.name] = function
            if document["has_retry"]:
                _logger.warning("The retry policy of function '%s' has no effect here.", function.name)

    def _report(self, name: str, fault: Exception) -> None:
        self.errors[name] = str(fault)
        _logger.error("The '%s' function is in error: %s", name, fault)

    def start(self) -> None:
        """Listen for every function; one that cannot be listened for is reported and left out."""
        started = []
        for function in self.functions.values():
            if self.settings.is_disabled(function.name):
                _logger.info("Function '%s' is disabled", function.name)
                continue
            try:
                self._listeners.add(function)
                started.append(function.name)
            except FunctionFault as fault:
                self._report(function.name, fault)
        self._listeners.start()
        _logger.info("Host %s listens for %s functions: %s", self.id, len(started), ", ".join(started))

    def _run(self, invocation: Invocation) -> "concurrent.futures.Future[bool]":
        succeeded: concurrent.futures.Future[bool] = concurrent.futures.Future()

        def ended(result: "concurrent.futures.Future[InvocationResult]") -> None:
            succeeded.set_result(result.result().succeeded)

        self.worker.invoke(invocation).add_done_callback(ended)
        return succeeded

    def _unhandled(self, error: Exception) -> None:
        first_line = one_line(error)
        self._stop_by_itself(f"An unhandled exception has occurred. Host is shutting down. {first_line}")

    def _stop_by_itself(self, reason: str) -> None:
        with self._one_reason:
            if self.stop_reason is not None:
                return
            self.stop_reason = reason
        _logger.critical("%s", reason)
        self._shut_down()

    def stop(self) -> None:
        """Stop as the Functions host does, within the shutdown limit.

        Running invocations are awaited. Without the drain setting the listeners receive and start messages meanwhile.
        What still runs at the limit is killed with the worker; its messages stay invisible for the rest of their time.
        """
        end = time.monotonic() + self._options.shutdown_limit
        _logger.info("Host is shutting down; %s invocations are running.", self.worker.in_flight)
        if self.settings.is_on(_DRAIN_SETTING) or self.settings.get(_KUBERNETES):
            self._listeners.stop_receiving()
        self.worker.wait_until_idle(self._options.shutdown_limit)
        self._listeners.stop_receiving()
        if not self._listeners.wait_until_idle(max(0.0, end - time.monotonic())):
            _logger.error("Host did not shutdown within its allotted time.")
        self.worker.stop()
        self._deadlines.stop()


def check_host_storage(connections: Connections) -> None:
    """Make sure that the host's own storage is set.

    Raises:
        HostFault: It is not.
    """
    try:
        connections.get(HOST_CONNECTION)
    except FunctionFault as fault:
        raise HostFault(f"The host needs storage of its own. {fault}") from None
