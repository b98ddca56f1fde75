"""The host: loads the app, listens for each of its functions, drains and stops."""

import concurrent.futures
import logging
import time
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from azure.storage.queue import QueueClient, QueueMessage

from local.host.app_settings import AppSettings
from local.host.connections import HOST_CONNECTION, Connections
from local.host.deadlines import Deadlines
from local.host.faults import FunctionFault, HostFault
from local.host.functions import Function, QueueTrigger, TimerTrigger, parse_function
from local.host.host_json import HostJson
from local.host.host_storage import lock_blob, timer_status_blob
from local.host.identity_of_host import host_id
from local.host.options import Options
from local.host.queue_listener import ListenerOptions, QueueListener
from local.host.queues import poison_name
from local.host.thread_pool import ThreadPool
from local.host.timer_listener import TimerListener, TimerOptions
from local.host.timer_schedule import Schedule, time_zone
from local.host.timer_status import TimerMonitor, TimerStatus
from local.host.trigger_data import BY_HAND, hand_made_queue_invocation, queue_invocation, timer_invocation
from local.host.worker_process import Invocation, InvocationResult, WorkerSupervisor

_logger = logging.getLogger("Host.Startup")

# Time for the storage calls about messages whose invocation was given up.
_GIVEN_UP_SECONDS = 3.0


class DrainState(StrEnum):
    """States of `GET /admin/host/drain/status`."""

    DISABLED = "Disabled"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"


class Listener(Protocol):
    """What waits for one trigger."""

    def start(self) -> None:
        """Begin to wait."""

    def stop_receiving(self) -> None:
        """Start nothing new."""

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing that was started goes on; False when time is up first."""


class Host:
    """One running host of one function app."""

    def __init__(self, app: Path, settings: AppSettings, host_json: HostJson, options: Options) -> None:
        self.id = host_id(app, settings)
        self.settings = settings
        self.host_json = host_json
        self.options = options
        self.connections = Connections(settings)
        self.functions: dict[str, Function] = {}
        self.errors: dict[str, str] = {}
        self.draining = False
        self.deadlines = Deadlines()
        threads = ThreadPool(options.threads, settings)
        self.worker = WorkerSupervisor(app, settings, host_json, self.deadlines, threads)
        self._listeners: list[Listener] = []
        self._queue_listeners: dict[str, QueueListener] = {}

    def load(self) -> None:
        """Start the worker and index the app.

        Raises:
            HostFault: The app cannot be loaded or has a binding that is not supported.
        """
        documents = self.worker.start()
        functions = [parse_function(document) for document in documents]
        self.functions = {function.name: function for function in functions}
        if not functions:
            _logger.warning("No functions were found in function_app.py.")
        for document in documents:
            if document["has_retry"]:
                _logger.warning("The retry policy of function '%s' has no effect here.", document["name"])
        for setting in self.host_json.ignored:
            _logger.warning("The setting '%s' of host.json has no effect here.", setting)

    def start(self) -> None:
        """Listen for every function; one that cannot be listened for is reported and left out."""
        for function in self.functions.values():
            if self.settings.is_disabled(function.name):
                _logger.info("Function '%s' is disabled", function.name)
                continue
            try:
                self._add_listener(function)
            except FunctionFault as fault:
                self.errors[function.name] = str(fault)
                _logger.error("The '%s' function is in error: %s", function.name, fault)  # noqa: TRY400
        for listener in self._listeners:
            listener.start()
        started = [name for name in self.functions if name not in self.errors and not self.settings.is_disabled(name)]
        _logger.info("Host %s listens for %s functions: %s", self.id, len(started), ", ".join(started))

    def _add_listener(self, function: Function) -> None:
        match function.trigger:
            case QueueTrigger():
                self._add_queue_listener(function, function.trigger)
            case TimerTrigger():
                self._add_timer_listener(function, function.trigger)

    def _add_queue_listener(self, function: Function, trigger: QueueTrigger) -> None:
        queues = self.host_json.queues
        service = self.connections.get(trigger.connection).queue_service()
        queue_name = self.settings.resolve(trigger.queue_name)
        queue = service.get_queue_client(queue_name)
        poison = poison_name(queue.queue_name)
        poison_queue = service.get_queue_client(poison) if poison else None

        def process(message: QueueMessage, body: bytes) -> "concurrent.futures.Future[bool]":
            return self.run(queue_invocation(function, trigger.data_type, message, body, queue_name=queue_name))

        options = ListenerOptions(
            batch_size=queues.batch_size,
            new_batch_threshold=queues.new_batch_threshold,
            max_dequeue_count=queues.max_dequeue_count,
            visibility_timeout=queues.visibility_timeout,
            max_polling_interval=queues.max_polling_interval,
            message_encoding=queues.message_encoding,
            receive_visibility=self.options.receive_visibility,
        )
        listener = QueueListener(
            queue,
            options,
            self.deadlines,
            process=process,
            poison_queue=poison_queue,
            poisoned=self.queue_written,
        )
        self._listeners.append(listener)
        self._queue_listeners[listener.url] = listener

    def _add_timer_listener(self, function: Function, trigger: TimerTrigger) -> None:
        schedule = Schedule(self.settings.resolve(trigger.schedule), time_zone(self.settings))
        service = self.connections.get(HOST_CONNECTION).blob_service()
        monitored = trigger.use_monitor and schedule.is_monitored()
        status_blob = timer_status_blob(service, self.id, function.full_name)

        def run(status: TimerStatus | None, past_due: bool) -> "concurrent.futures.Future[bool]":
            reason = "Timer fired (past due)" if past_due else "Timer fired"
            return self.run(timer_invocation(function, status, past_due=past_due, reason=reason))

        lock_period = self.options.timer_lock or self.host_json.listener_lock_period
        options = TimerOptions(
            run_on_startup=trigger.run_on_startup,
            lock_period=lock_period,
            lock_recovery=self.options.timer_lock_recovery or self.host_json.listener_lock_recovery,
        )
        self._listeners.append(
            TimerListener(
                function.name,
                schedule,
                options,
                lock_blob=lock_blob(service, self.id, function.full_name),
                monitor=TimerMonitor(status_blob) if monitored else None,
                run=run,
            )
        )

    def run_by_hand(self, function: Function, data: str) -> None:
        """Run a function once, outside its trigger, without waiting for it.

        Args:
            function: The function.
            data: The body of the message of a queue function; timers need none.

        Raises:
            FunctionFault: The function is disabled or in error.
        """
        if self.settings.is_disabled(function.name):
            raise FunctionFault(f"The '{function.name}' function is disabled.")
        if function.name in self.errors:
            raise FunctionFault(f"The '{function.name}' function is in error: {self.errors[function.name]}")
        match function.trigger:
            case QueueTrigger():
                invocation = hand_made_queue_invocation(function, function.trigger.data_type, data)
            case TimerTrigger():
                invocation = timer_invocation(function, None, past_due=False, reason=BY_HAND)
        self.run(invocation)

    def run(self, invocation: Invocation) -> "concurrent.futures.Future[bool]":
        """Start an invocation; the future says whether it succeeded."""
        succeeded: concurrent.futures.Future[bool] = concurrent.futures.Future()

        def ended(result: "concurrent.futures.Future[InvocationResult]") -> None:
            succeeded.set_result(result.result().succeeded)

        self.worker.invoke(invocation).add_done_callback(ended)
        return succeeded

    def queue_written(self, queue: QueueClient) -> None:
        """Wake the listener of a queue that this host has just put a message on."""
        listener = self._queue_listeners.get(queue.url)
        if listener is not None:
            listener.wake()

    def drain(self) -> None:
        """Start nothing new; what runs goes on to its end."""
        self.draining = True
        for listener in self._listeners:
            listener.stop_receiving()

    @property
    def drain_state(self) -> DrainState:
        """How far a drain has come."""
        if not self.draining:
            return DrainState.DISABLED
        return DrainState.IN_PROGRESS if self.worker.in_flight else DrainState.COMPLETED

    def stop(self) -> None:
        """Drain, wait for what runs up to the limit, then end the worker."""
        self.drain()
        end = time.monotonic() + self.options.shutdown_limit
        for listener in self._listeners:
            listener.wait_until_idle(max(0.0, end - time.monotonic()))
        left = self.worker.in_flight
        if left:
            _logger.warning("%s invocations did not end in time; they are given up.", left)
        self.worker.stop()
        # What was given up counts as failed, so its messages become visible again.
        for listener in self._listeners:
            listener.wait_until_idle(_GIVEN_UP_SECONDS)
        self.deadlines.stop()


def check_host_storage(connections: Connections) -> None:
    """Make sure that the host's own storage is set.

    Raises:
        HostFault: It is not.
    """
    try:
        connections.get(HOST_CONNECTION)
    except FunctionFault as fault:
        raise HostFault(f"The host needs storage of its own. {fault}") from None
