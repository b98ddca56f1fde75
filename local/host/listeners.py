"""The listeners of a host: one for each queue and timer function."""

import concurrent.futures
import time
from collections.abc import Callable
from typing import Protocol

from azure.storage.queue import QueueClient, QueueMessage

from local.host.configuration.app_settings import AppSettings
from local.host.configuration.host_json import HostJson
from local.host.configuration.options import Options
from local.host.deadlines import Deadlines
from local.host.functions import Function, QueueTrigger, TimerTrigger
from local.host.queues.listener import QueueListener
from local.host.queues.operations import poison_name
from local.host.queues.processor import MessageProcessor
from local.host.storage.connections import HOST_CONNECTION, Connections
from local.host.storage.host_blobs import lock_blob, timer_status_blob
from local.host.timers.listener import TimerListener, TimerOptions
from local.host.timers.schedule import Schedule, time_zone
from local.host.timers.status import TimerMonitor, TimerStatus
from local.host.trigger_data import queue_invocation, timer_invocation
from local.host.worker.invocation import Invocation

#: Starts an invocation; the future says whether it succeeded.
Run = Callable[[Invocation], "concurrent.futures.Future[bool]"]


class Listener(Protocol):
    """What waits for one trigger."""

    def start(self) -> None:
        """Begin to wait."""

    def stop_receiving(self) -> None:
        """Start nothing new."""

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing that was started is running; False when time is up first."""


class Listeners:
    """All listeners of one host."""

    def __init__(
        self,
        *,
        host_id: str,
        settings: AppSettings,
        host_json: HostJson,
        options: Options,
        connections: Connections,
        deadlines: Deadlines,
        run: Run,
        failed: Callable[[Exception], None],
    ) -> None:
        """Make an empty set of listeners.

        Args:
            host_id: The host's id, by which hosts share locks and timer records.
            settings: The app's settings.
            host_json: The app's host.json.
            options: The stand-in's own options.
            connections: The app's storage connections.
            deadlines: What runs renewals at their time.
            run: Starts an invocation.
            failed: Called with an error of a queue listener that stops the host.
        """
        self._host_id = host_id
        self._settings = settings
        self._host_json = host_json
        self._options = options
        self._connections = connections
        self._deadlines = deadlines
        self._run = run
        self._failed = failed
        self._all: list[Listener] = []
        self._by_url: dict[str, QueueListener] = {}

    def add(self, function: Function) -> None:
        """Make the listener of a function.

        Raises:
            FunctionFault: A setting is missing, or the schedule is none.
        """
        match function.trigger:
            case QueueTrigger():
                self._add_queue(function, function.trigger)
            case TimerTrigger():
                self._add_timer(function, function.trigger)

    def start(self) -> None:
        """Begin to wait for every trigger."""
        for listener in self._all:
            listener.start()

    def stop_receiving(self) -> None:
        """Start nothing new; what runs continues to its end."""
        for listener in self._all:
            listener.stop_receiving()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing that was started is running; False when time is up first."""
        end = time.monotonic() + seconds
        return all(listener.wait_until_idle(max(0.0, end - time.monotonic())) for listener in self._all)

    def _wake(self, queue: QueueClient) -> None:
        # This host has just put a message on the queue.
        listener = self._by_url.get(queue.url)
        if listener is not None:
            listener.wake()

    def _add_queue(self, function: Function, trigger: QueueTrigger) -> None:
        options, durations = self._host_json.queues, self._options.durations
        service = self._connections.get(trigger.connection).queue_service()
        queue_name = self._settings.resolve(trigger.queue_name)
        queue = service.get_queue_client(queue_name)
        poison = poison_name(queue_name)

        def process(message: QueueMessage, body: bytes) -> "concurrent.futures.Future[bool]":
            return self._run(queue_invocation(function, trigger.data_type, message, body, queue_name=queue_name))

        processor = MessageProcessor(
            queue,
            service.get_queue_client(poison) if poison else None,
            options,
            durations,
            self._deadlines,
            process=process,
            poisoned=self._wake,
            failed=self._failed,
        )
        listener = QueueListener(queue, options, durations, processor, failed=self._failed)
        self._all.append(listener)
        self._by_url[listener.url] = listener

    def _add_timer(self, function: Function, trigger: TimerTrigger) -> None:
        schedule = Schedule(self._settings.resolve(trigger.schedule), time_zone(self._settings))
        service = self._connections.get(HOST_CONNECTION).blob_service()
        monitored = trigger.use_monitor and schedule.is_monitored()
        status_blob = timer_status_blob(service, self._host_id, function.full_name)

        def run(status: TimerStatus | None, past_due: bool) -> "concurrent.futures.Future[bool]":
            reason = "Timer fired (past due)" if past_due else "Timer fired"
            return self._run(timer_invocation(function, status, past_due=past_due, reason=reason))

        options = TimerOptions(
            run_on_startup=trigger.run_on_startup,
            lock_period=self._options.timer_lock or self._host_json.listener_lock_period,
            lock_recovery=self._options.timer_lock or self._host_json.listener_lock_recovery,
        )
        self._all.append(
            TimerListener(
                function.name,
                schedule,
                options,
                lock_blob=lock_blob(service, self._host_id, function.full_name),
                monitor=TimerMonitor(status_blob) if monitored else None,
                run=run,
            )
        )
