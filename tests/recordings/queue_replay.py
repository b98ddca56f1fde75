"""Runs a recorded queue scenario on the stand-in's own listeners, behind the recording proxy."""

import concurrent.futures
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage, QueueServiceClient

from local.host.configuration.durations import Durations
from local.host.configuration.host_json import MessageEncoding, QueueOptions
from local.host.deadlines import Deadlines
from local.host.queues.encoding import encode
from local.host.queues.listener import QueueListener
from local.host.queues.operations import poison_name
from local.host.queues.processor import MessageProcessor
from tests.recordings.recording_proxy import Call, Fault, RecordingProxy

# What a call may take longer on a busy machine; a woken listener must be quicker than its back-off.
SLACK_SECONDS = 8.0
# Work that takes longer is shortened with the durations.
_LONG_WORK_SECONDS = 10.0
_NAMES = {
    "main": lambda unique: f"work-{unique}",
    "poison": lambda unique: f"work-{unique}-poison",
    "long": lambda unique: f"work-{unique}".ljust(60, "x"),
}


class QueueReplay:
    """One scenario and what the stand-in did in it.

    Attributes:
        calls: the calls that the scenario is about: moment, operation, queue (main or poison), status, visibility.
        runs: how often the function was called.
        most_at_once: how many calls of the function there were at once.
        stopped_after: seconds until an error stopped the host; None where none did.
        left: messages left on the main queue, those of them that are visible, and messages on the poison queue.
    """

    def __init__(
        self,
        scenario: dict[str, Any],
        durations: Durations,
        *,
        direct: QueueServiceClient,
        proxied: QueueServiceClient,
        proxy: RecordingProxy,
    ) -> None:
        """Describe a replay; `run` runs it.

        Args:
            scenario: the recorded scenario.
            durations: the host's durations, shortened or not.
            direct: a client of storage for what the test does itself.
            proxied: the host's client, through the proxy.
            proxy: the proxy.
        """
        self.runs = 0
        self.most_at_once = 0
        self.stopped_after: float | None = None
        self.left: dict[str, int] = {}
        self._scenario = scenario
        self._durations = durations
        self._direct = direct
        self._proxied = proxied
        self._proxy = proxy
        self._active = 0
        self._lock = threading.Lock()
        self._listeners: dict[str, QueueListener] = {}
        name = _NAMES[scenario.get("queue", "main")](uuid.uuid4().hex[:10])
        self._main = direct.get_queue_client(name)
        self._poison = direct.get_queue_client(poison_name(name) or f"unused-{uuid.uuid4().hex[:10]}")
        self._started = 0.0

    @property
    def calls(self) -> list[tuple[Call, str]]:
        noted = [(call, "main") for call in self._proxy.calls[self._main.queue_name]]
        noted += [(call, "poison") for call in self._proxy.calls[self._poison.queue_name]]
        expected = self._scenario["calls"]
        asked = {tuple(call[1:4]) for call in expected if call[1] == "properties"}
        kept = [
            (call, queue)
            for call, queue in sorted(noted, key=lambda pair: pair[0].at)
            if not (call.operation == "receive" and call.status == 200 and not call.messages)
            and (call.operation != "properties" or (call.operation, queue, call.status) in asked)
        ]
        while kept and expected and [kept[0][0].operation, kept[0][0].status] != [expected[0][1], expected[0][3]]:
            kept.pop(0)
        if self._scenario.get("collapse"):
            kept = [pair for number, pair in enumerate(kept) if not number or _kind(pair) != _kind(kept[number - 1])]
        return kept

    def _count_left(self) -> dict[str, int]:
        counts = {"main": _count(self._main), "visible": 0, "poison": _count(self._poison)}
        if counts["main"]:
            counts["visible"] = len(self._main.peek_messages(max_messages=32))
        return counts

    def run(self) -> "QueueReplay":
        """Run the scenario until all is seen that was recorded; returns itself."""
        scenario = self._scenario
        missing = scenario.get("missing")
        if not missing:
            self._main.create_queue()
            self._send()
        if scenario.get("poison_exists"):
            self._poison.create_queue()
        if not scenario.get("after_idle"):
            self._spoil()
        self._started = time.monotonic()
        listeners = [self._listener(self._main, self._poison) for _ in range(scenario.get("listeners", 1))]
        if scenario.get("poison_listener"):
            listeners.append(self._listener(self._poison, None))
        for listener in listeners:
            listener.start()
        self._act(listeners)
        self._until(self._is_complete)
        # Long enough to see a call too many.
        time.sleep(0.5)
        for listener in listeners:
            listener.stop_receiving()
        self.left = self._count_left()
        return self

    def _act(self, listeners: list[QueueListener]) -> None:
        scenario, scale = self._scenario, self._durations.scale
        calls = self._proxy.calls
        if missing := scenario.get("missing"):
            time.sleep(missing * scale)
            self._until(lambda: self._was_missed("properties"))
            self._main.create_queue()
            self._send()
        if pause := scenario.get("deleted_for"):
            self._until(self._is_idle)
            self._main.delete_queue()
            time.sleep(pause * scale)
            self._until(lambda: self._was_missed("receive") and self._was_missed("properties"))
            self._main.create_queue()
            self._send()
        if scenario.get("after_idle"):
            self._until(self._is_idle)
            self._spoil()
            self._send_now()
        if scenario.get("stop_while_receiving"):
            self._until(lambda: self._proxy.faults[self._main.queue_name][0].times == 0)
            listeners[0].stop_receiving()
            self._until(lambda: any(call.messages for call in calls[self._main.queue_name]))
        if scenario.get("poison_listener"):
            # By then it waits for seconds.
            self._until(lambda: len(calls[self._poison.queue_name]) > 6)
            self._send_now()
            listeners[0].wake()

    def _spoil(self) -> None:
        self._proxy.faults[self._main.queue_name] = [
            Fault(**fault) for fault in self._scenario.get("faults", []) if fault["on"] != "put"
        ]
        self._proxy.faults[self._poison.queue_name] = [
            Fault(**fault) for fault in self._scenario.get("faults", []) if fault["on"] == "put"
        ]

    def _was_missed(self, operation: str) -> bool:
        calls = self._proxy.calls[self._main.queue_name]
        return any((call.operation, call.status) == (operation, 404) for call in calls)

    def _is_idle(self) -> bool:
        # Asked for existence once and received nine times, the listener pauses as long as it ever does.
        return len(self._proxy.calls[self._main.queue_name]) > 9

    def _send(self) -> None:
        if not (self._scenario.get("poison_listener") or self._scenario.get("after_idle")) and not (
            self._scenario.get("deleted_for") and not self._proxy.calls[self._main.queue_name]
        ):
            self._send_now()

    def _send_now(self) -> None:
        encoding = MessageEncoding(self._scenario["options"]["encoding"])
        for work in self._scenario["messages"]:
            body = json.dumps({name: value for name, value in work.items() if name != "count"})
            for _ in range(work["count"]):
                self._main.send_message(work.get("text") or encode(body.encode(), encoding))
        for _ in range(self._scenario.get("received_before", 0)):
            [message] = self._main.receive_messages(max_messages=1)
            self._main.update_message(message.id, message.pop_receipt, visibility_timeout=0)

    def _listener(self, queue: QueueClient, poison: QueueClient | None) -> QueueListener:
        recorded = self._scenario["options"]
        options = QueueOptions(
            batch_size=recorded["batch"],
            new_batch_threshold=recorded["threshold"],
            max_dequeue_count=recorded["max_dequeue_count"],
            visibility_timeout=recorded["visibility"],
            max_polling_interval=max(0.1, recorded["polling"] * self._durations.scale)
            if not self._scenario.get("poison_listener")
            else recorded["polling"],
            message_encoding=MessageEncoding(recorded["encoding"]),
        )
        client = self._proxied.get_queue_client(queue.queue_name)
        has_poison = poison is not None and poison_name(queue.queue_name) is not None
        processor = MessageProcessor(
            client,
            self._proxied.get_queue_client(poison.queue_name) if poison is not None and has_poison else None,
            options,
            self._durations,
            Deadlines(),
            process=self._process if queue is self._main else self._succeed,
            poisoned=self._wake,
            failed=self._failed,
        )
        listener = QueueListener(client, options, self._durations, processor, failed=self._failed)
        self._listeners[queue.queue_name] = listener
        return listener

    def _wake(self, queue: QueueClient) -> None:
        if queue.queue_name in self._listeners:
            self._listeners[queue.queue_name].wake()

    def _failed(self, _error: Exception) -> None:
        with self._lock:
            if self.stopped_after is None:
                self.stopped_after = time.monotonic() - self._started
        for listener in self._listeners.values():
            listener.stop_receiving()

    def _succeed(self, _message: QueueMessage, _body: bytes) -> "concurrent.futures.Future[bool]":
        self.runs += 1
        done: concurrent.futures.Future[bool] = concurrent.futures.Future()
        done.set_result(True)
        return done

    def _process(self, message: QueueMessage, body: bytes) -> "concurrent.futures.Future[bool]":
        done: concurrent.futures.Future[bool] = concurrent.futures.Future()
        threading.Thread(target=self._work, args=(message, json.loads(body), done), daemon=True).start()
        return done

    def _work(self, message: QueueMessage, work: dict[str, Any], done: "concurrent.futures.Future[bool]") -> None:
        with self._lock:
            self.runs += 1
            self._active += 1
            self.most_at_once = max(self.most_at_once, self._active)
        meanwhile = self._scenario.get("meanwhile")
        if meanwhile == "take":
            self._main.update_message(message.id, message.pop_receipt, visibility_timeout=3600)
        elif meanwhile == "delete":
            self._main.delete_message(message.id, message.pop_receipt)
        seconds = work.get("sleep", 0)
        time.sleep(seconds * self._durations.scale if seconds > _LONG_WORK_SECONDS else seconds)
        with self._lock:
            self._active -= 1
        done.set_result((message.dequeue_count or 0) > work.get("fail", 0))

    def _is_complete(self) -> bool:
        expected = self._scenario
        return (
            len(self.calls) >= len(expected["calls"])
            and self.runs >= expected.get("runs", 0)
            and (expected["stops"] is None) == (self.stopped_after is None)
            and _count(self._main) == expected["left"].get("main", _count(self._main))
        )

    def _until(self, condition: Callable[[], bool]) -> None:
        recorded = [call[0] for call in self._scenario["calls"]] + [self._scenario["stops"] or 0, 30]
        end = time.monotonic() + 2 * max(recorded) * self._durations.scale + 30
        while not condition() and time.monotonic() < end:
            time.sleep(0.1)


def _kind(pair: tuple[Call, str]) -> tuple[str, str, int | str]:
    return pair[0].operation, pair[1], pair[0].status


def _count(queue: QueueClient) -> int:
    try:
        return queue.get_queue_properties().approximate_message_count or 0
    except ResourceNotFoundError:
        return 0
