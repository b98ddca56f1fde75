"""The claim protocol, explored: any messages for a few items, in any order, repeated, with the app killed anywhere.

A small model of the service stands around the real code. Messages to ingest, update and delete two items are sent and
delivered in any order, some more than once. A delivery can be killed before or after any of its calls to storage or
GeoCatalog; another message can be handled, the tracker can run, or time can pass in the middle of it. GeoCatalog can
refuse, lose its answer, fail an operation, or never end one. Whatever was explored, in the end the faults stop and all
messages are delivered until none is left; then the rules below must hold.

While it runs:
- a row that is neither Submitted nor terminal has a message on the queue, and one that is Submitted has its operation.

In the end:
- no message is left, and none became a dead letter: all of them were good;
- every message was announced on the results queue at least once;
- every row is terminal, and no claim and no operation is left;
- GeoCatalog holds the newest content, unless it refused that for good; what the row says of it is so;
- GeoCatalog was not asked to write more often than there were messages and disturbances.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from requests import PreparedRequest, Response

from local.azurite import Azurite
from shared.basics.clock import format_timestamp, parse_timestamp
from shared.basics.json_codec import write_json
from shared.clients import Clients
from shared.collections.deletions_queue import delete_message
from shared.items.ingestion import ingest_message
from shared.messages.decoding import decode_body, read_object
from shared.messages.models import (
    IfExists,
    QueueName,
)
from shared.operations.tracking import track_operations
from shared.records.status_rows import OPERATION_PREFIX, TERMINAL, ItemStatus
from shared.stac.items import prepare_item
from tests.data.documents import item
from tests.properties.apps import Account, Clock, clear_queues, make_app, results
from tests.properties.catalog import COLLECTION, Catalog, wait_until
from tests.properties.interrupts import Fuse, Killed, interruptible, kill

HANDLERS: dict[str, Callable[[bytes, datetime, Clients], None]] = {
    QueueName.ITEMS: ingest_message,
    QueueName.DELETIONS: delete_message,
}
LONG = timedelta(hours=1)  # messages that the test holds stay invisible meanwhile
# What a thorough exploration takes in place of the quick one: PROTOCOL_EXAMPLES=1000 pytest ….
EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", "0"))
MAX_ROUNDS = 40
ONE_PASS = timedelta(seconds=0.9)  # shorter than the pause between two passes

# What may befall the requests of one delivery: a fault of the emulator, or how its operation ends.
WRITE = {"path": f"/stac/collections/{COLLECTION}/items*", "count": 1}
FAULTS: dict[str, dict[str, Any]] = {
    "lost response": {"faults": [{**WRITE, "kind": "lose_response"}]},
    "reset": {"faults": [{**WRITE, "kind": "reset"}]},
    "429": {"faults": [{**WRITE, "kind": "status", "status": 429, "retry_after": 20}]},
    "500": {"faults": [{**WRITE, "kind": "status", "status": 500}]},
    "403": {"faults": [{**WRITE, "kind": "status", "status": 403}]},
    "passing failure": {"operation_failures": [{"code": "InternalError", "count": 1}]},
    "set-up failure": {"operation_failures": [{"code": "PublicAccessRestricted", "count": 1}]},
    "final failure": {"operation_failures": [{"code": "StacValidationFailed", "count": 1}]},
    "never ends": {"ingest_seconds": [3600, 3600]},
}
WELL: dict[str, Any] = {"faults": [], "operation_failures": [], "ingest_seconds": [0, 0]}


@dataclass(frozen=True)
class Sent:
    """A message that a producer sent: what it wants, and what orders it."""

    correlation_id: str
    item_id: str
    content: int | None
    first_enqueued: datetime
    if_exists: IfExists
    version: int

    @property
    def order(self) -> tuple[int, datetime]:
        """What makes it newer than another of the same item."""
        return self.version, self.first_enqueued


@dataclass
class Waiting:
    """A message on a queue, taken off it for as long as the test decides."""

    queue: str
    message: Any
    item_id: str
    enqueued_at: datetime


@dataclass
class World:
    """The running parts, and what is counted over all examples."""

    app: Clients
    elsewhere: Clients
    catalog: Catalog
    clock: Clock
    fuse: Fuse
    numbers: Iterator[int] = field(default_factory=count)
    accepted: list[str] = field(default_factory=list)
    written: bool = False
    seen: Counter[str] = field(default_factory=Counter)

    def on_answer(self, request: PreparedRequest, response: Response) -> None:
        """Note what was written, and give the service the test's clock."""
        path = str(request.path_url).partition("?")[0]
        if request.method != "GET":
            self.written = True
            if response.status_code == 202:
                body = json.loads(request.body or b"{}")
                self.accepted.append(str(body.get("id") or path.rpartition("/")[2]))
        elif b'"_msft:ts"' in response.content:
            stamp = re.compile(rb'("_msft:ts":\s*")([^"]+)"')
            response._content = stamp.sub(self._translated, response.content)  # noqa: SLF001 - what was received

    def _translated(self, match: re.Match[bytes]) -> bytes:
        moment = self.clock.at(parse_timestamp(match.group(2).decode()))
        return match.group(1) + format_timestamp(moment).encode() + b'"'


# The calls at which something happens: a delivery makes about seven, a run of the tracker about ten.
IN_DELIVERY: dict[str, st.SearchStrategy[Any]] = {"at": st.integers(1, 8), "after": st.booleans()}
IN_TRACKER: dict[str, st.SearchStrategy[Any]] = {"at": st.integers(1, 12), "after": st.booleans()}
NUMBER = st.integers(0, 20)
SELDOM = st.sampled_from([False, False, False, True])
FAULT = st.sampled_from([*FAULTS, "passing failure", "passing failure", "lost response", "lost response"])

# What can happen next, with the arguments of the method of that name. One rule for all of it: of many rules,
# hypothesis would leave out some in each example, and without messages or deliveries nothing is explored.
ACTIONS: list[tuple[int, str, dict[str, st.SearchStrategy[Any]]]] = [
    (4, "ingest", {
        "which": st.integers(0, 1),
        "content": st.sampled_from([0, 0, 1, 1, 2]),
        "if_exists": st.sampled_from([*[IfExists.REPLACE] * 6, IfExists.SKIP, IfExists.FAIL]),
        "force": SELDOM,
    }),
    (1, "delete", {}),
    (1, "pass_time", {"seconds": st.sampled_from([1, 20, 70, 400, 400, 90_000])}),
    (2, "deliver", {"number": NUMBER, "again": SELDOM}),
    (3, "kill_delivery", {"number": NUMBER, **IN_DELIVERY}),
    (2, "fault_delivery", {"number": NUMBER, "fault": FAULT}),
    (2, "fault_and_disturb_delivery", {"number": NUMBER, "fault": FAULT, "at": IN_DELIVERY["at"],
                                       "meanwhile": st.sampled_from(["kill", "kill", "deliver", "track"])}),
    (3, "overlap_delivery", {"number": NUMBER, "meanwhile": st.sampled_from(["deliver", "deliver", "track", "wait"]),
                             **IN_DELIVERY}),
    (2, "track", {}),
    (3, "disturb_tracker", {"meanwhile": st.sampled_from(["kill", "kill", "deliver", "track"]), **IN_TRACKER}),
    (1, "track_without_memory", {}),
]  # fmt: skip
STEPS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.sampled_from(
    [(name, arguments) for weight, name, arguments in ACTIONS for _ in range(weight)]
).flatmap(lambda action: st.tuples(st.just(action[0]), st.fixed_dictionaries(action[1])))


class ClaimProtocol(RuleBasedStateMachine):
    """See the module's description."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.app = world.app
        self.sent: list[Sent] = []
        self.waiting: list[Waiting] = []
        self.disturbances = 0
        self.is_nested = False
        self.stuck_before = 0
        self.never_ends = False
        self.has_acted = False

    @initialize()
    def begin(self) -> None:
        """Start with items that nobody has used, and nothing on any queue."""
        clear_queues(self.app)
        self.world.catalog.reset()
        self.world.catalog.behave(**WELL, forget_operations=False)
        self.world.accepted.clear()
        number = next(self.world.numbers)
        # The second kind of item carries what orders its versions.
        self.items = [f"plain-{number}", f"versioned-{number}"]
        self.stuck_before = self.world.catalog.open_operations()

    @rule(step=STEPS)
    def step(self, step: tuple[str, dict[str, Any]]) -> None:
        """Do one of the things below."""
        name, arguments = step
        getattr(self, name)(**arguments)

    # What producers do

    def ingest(self, which: int, content: int, if_exists: IfExists, force: bool) -> None:
        """Send an item; one content of an item that carries versions is always of the same version."""
        properties: dict[str, Any] = {"datetime": "2026-04-16T10:00:00Z", "content": content}
        if which == 1:
            properties["updated"] = f"2026-04-16T10:00:0{content}Z"
        message = {
            "item": item(self.items[which], COLLECTION, properties=properties),
            "if_exists": if_exists.value,
            "force": force,
        }
        self._send(QueueName.ITEMS, message, which, content, if_exists)

    def delete(self) -> None:
        """Send a deletion; versions would not order it, so only the plain item is deleted."""
        message = {"collection": COLLECTION, "id": self.items[0]}
        self._send(QueueName.DELETIONS, message, 0, None, IfExists.REPLACE)

    def _send(self, queue: str, message: dict[str, Any], which: int, content: int | None, if_exists: IfExists) -> None:
        correlation_id = f"{self.items[which]}-{len(self.sent)}"
        enqueued_at = self.app.now().replace(microsecond=0)  # as the queue gives it
        version = content + 1 if which == 1 and content is not None else 0
        self.sent.append(Sent(correlation_id, self.items[which], content, enqueued_at, if_exists, version))
        self.app.queues.client(queue).send_message(write_json({**message, "correlation_id": correlation_id}).decode())
        self._collect_from(queue, enqueued_at)

    # What the platform does

    def pass_time(self, seconds: int) -> None:
        """Let time pass: the queue's second, a delay, a quiet, a claim, an operation's deadline."""
        self.world.clock.advance(timedelta(seconds=seconds))

    def deliver(self, number: int, again: bool) -> None:
        """Deliver one message; sometimes one that was carried out is given again."""
        self._deliver(self._any(number), again=again)

    def kill_delivery(self, number: int, at: int, after: bool) -> None:
        """Deliver one message and kill the app in the middle; the message is given again."""
        chosen = self._any(number)
        self._disturb("kill", at, after)
        self._deliver(chosen)

    def fault_delivery(self, number: int, fault: str) -> None:
        """Deliver one message while GeoCatalog has a fault."""
        chosen = self._any(number)
        self._befall(fault)
        self._deliver(chosen)
        self._befall_no_more()

    def fault_and_disturb_delivery(self, number: int, fault: str, meanwhile: str, at: int) -> None:
        """Deliver one message while GeoCatalog has a fault, and something happens in the middle."""
        chosen = self._any(number)
        self._befall(fault)
        self._disturb(meanwhile, at, after=True)
        self._deliver(chosen)
        self._befall_no_more()

    def overlap_delivery(self, number: int, meanwhile: str, at: int, after: bool) -> None:
        """Deliver one message; in the middle another is handled, the tracker runs, or time passes."""
        chosen = self._any(number)
        self._disturb(meanwhile, at, after)
        self._deliver(chosen)

    def track(self) -> None:
        """Run the tracker once."""
        self._track()

    def disturb_tracker(self, meanwhile: str, at: int, after: bool) -> None:
        """Run the tracker once; in the middle it is killed, a message is handled, another runs, or time passes."""
        self._disturb(meanwhile, at, after)
        self._track()

    def track_without_memory(self) -> None:
        """Run the tracker once while the service knows no operation."""
        self.world.catalog.behave(forget_operations=True)
        self.disturbances += 1
        self._track()
        self.world.catalog.behave(forget_operations=False)

    # How they do it

    def _deliver(self, chosen: Waiting, *, again: bool = False) -> None:
        raw = str(chosen.message.content).encode()
        self.waiting.remove(chosen)  # nobody else is given it meanwhile
        is_done = False
        try:
            HANDLERS[chosen.queue](raw, chosen.enqueued_at, self._instance())
            is_done = True
        except Killed:
            self.world.seen["killed deliveries"] += 1
        self._clear_fuse()
        if is_done and not again:
            self.app.queues.client(chosen.queue).delete_message(chosen.message)
        else:
            self.waiting.append(chosen)
        self.world.seen["deliveries"] += 1
        self._settle()

    def _track(self) -> None:
        try:
            track_operations(self._instance(), budget=ONE_PASS)
        except Killed:
            self.world.seen["killed trackers"] += 1
        self._clear_fuse()
        self._collect(self.app.now())

    def _instance(self) -> Clients:
        """What happens in the middle of a call happens on another instance: this one's call is not over."""
        return self.world.elsewhere if self.is_nested else self.app

    def _clear_fuse(self) -> None:
        if not self.is_nested:
            self.world.fuse.clear()

    def _any(self, number: int) -> Waiting:
        # What is drawn never depends on what the parts did; where nothing waits, something is sent now.
        if not self.waiting:
            self.ingest(which=number % 2, content=number % 3, if_exists=IfExists.REPLACE, force=False)
        return self.waiting[number % len(self.waiting)]

    def _deliver_newest(self) -> None:
        self._collect(self.app.now())  # perhaps what was sent back a moment ago
        if self.waiting:
            self._deliver(self.waiting[-1])

    def _disturb(self, disturbance: str, at: int, after: bool) -> None:
        """Have something happen at a call of what comes next."""
        acts: dict[str, Callable[[], None]] = {
            "kill": kill,
            "deliver": self._deliver_newest,
            "track": self._track,
            "wait": lambda: self.world.clock.advance(timedelta(seconds=100)),
        }

        def act() -> None:
            self.has_acted = True
            self.disturbances += 1
            self.world.seen[f"in the middle: {disturbance}"] += 1
            self.is_nested = True
            try:
                acts[disturbance]()
            finally:
                self.is_nested = False

        self.has_acted = False
        self.world.fuse.set(at, act, after=after)

    def _befall(self, fault: str) -> None:
        self.world.catalog.behave(**FAULTS[fault])
        self.never_ends = fault == "never ends"
        self.disturbances += 1
        self.world.seen[f"fault: {fault}"] += 1

    def _befall_no_more(self) -> None:
        if self.never_ends:
            self.stuck_before = self.world.catalog.open_operations()
            self.never_ends = False
        self.world.catalog.behave(**WELL)

    def _settle(self) -> None:
        """Wait for the operations that end at once, and take what was sent back."""
        if self.world.written and not self.is_nested:
            self.world.written = False
            if not self.never_ends:
                wait_until(lambda: self.world.catalog.open_operations() <= self.stuck_before)
        self._collect(self.app.now())

    def _collect(self, enqueued_at: datetime) -> None:
        self._collect_from(QueueName.ITEMS, enqueued_at)
        if any(message.content is None for message in self.sent):
            self._collect_from(QueueName.DELETIONS, enqueued_at)

    def _collect_from(self, queue: str, enqueued_at: datetime) -> None:
        seconds = int(LONG.total_seconds())
        for message in self.app.queues.client(queue).receive_messages(
            messages_per_page=32, max_messages=32, visibility_timeout=seconds
        ):
            fields = read_object(decode_body(str(message.content).encode()))
            item_id = fields["id"] if queue == QueueName.DELETIONS else fields["item"]["id"]
            self.waiting.append(Waiting(queue, message, item_id, enqueued_at.replace(microsecond=0)))

    # Rules while it runs

    @invariant()
    def every_row_has_its_message_or_operation(self) -> None:
        for item_id in getattr(self, "items", []):
            row = self.app.status.get(COLLECTION, item_id)
            is_indexed = self.app.status.read(COLLECTION, f"waiting~{item_id}") is not None
            assert is_indexed == (row is not None and row.status is ItemStatus.WAITING)
            if row is None or row.status in TERMINAL:
                continue
            if row.status is ItemStatus.SUBMITTED:
                operation = self.app.status.get_operation(COLLECTION, row.operation_id or "")
                assert operation
                assert not operation.detached
            else:
                owners = [one for one in self.waiting if one.item_id == item_id and one.queue == row.queue]
                assert owners, f"{row.status} and no message"

    # The end

    def teardown(self) -> None:
        """Deliver everything until nothing is left, then hold the end against the rules."""
        if not hasattr(self, "items"):
            return
        # What never ends is forgotten by the service.
        self.world.catalog.behave(**WELL, forget_operations=False)
        for number in range(MAX_ROUNDS):
            if not self.waiting and not self._open_operations():
                break
            if number == 3:
                self.world.catalog.behave(forget_operations=True)
            self.world.clock.advance(timedelta(minutes=16))
            for chosen in list(self.waiting):
                self._deliver(chosen)
            self._track()
        self.world.catalog.behave(forget_operations=False)
        self._hold_against_rules()
        self.world.seen["examples"] += 1
        self.world.seen["messages"] += len(self.sent)

    def _open_operations(self) -> list[str]:
        return [str(row["RowKey"]) for row in self.app.status.query_prefix(COLLECTION, OPERATION_PREFIX)]

    def _hold_against_rules(self) -> None:
        assert not self.waiting, "messages are left"
        assert not self._open_operations()
        assert list(self.app.deadletters.rows()) == []
        announced: dict[str, list[str]] = {}
        while batch := results(self.app):
            for result in batch:
                announced.setdefault(str(result["correlation_id"]), []).append(result["outcome"])
        for message in self.sent:
            assert announced.get(message.correlation_id), f"{message} was never announced"
        for item_id in self.items:
            messages = [message for message in self.sent if message.item_id == item_id]
            self._hold_item_against_rules(item_id, messages, announced)
            writes = self.world.accepted.count(item_id)
            assert writes <= len(messages) + 3 * self.disturbances, f"{writes} writes of {item_id}"

    def _hold_item_against_rules(self, item_id: str, messages: list[Sent], announced: dict[str, list[str]]) -> None:
        stored = self.world.catalog.item(item_id)
        content = stored["properties"]["content"] if stored else None
        row = self.app.status.get(COLLECTION, item_id)
        if not messages:
            assert row is None
            return
        assert row
        assert row.status in TERMINAL
        assert (row.claimed_by, row.claimed_until) == (None, None)
        assert (row.status is ItemStatus.FAILED) == bool(self.app.status.read(COLLECTION, f"failed~{item_id}"))
        assert not self.app.status.read(COLLECTION, f"held~{item_id}")
        assert not self.app.status.read(COLLECTION, f"waiting~{item_id}")
        if row.status is ItemStatus.SUCCEEDED:
            assert stored
            assert row.content_hash in {"", content_hash(stored)}
            assert row.stored_hash == row.content_hash
        if row.status is ItemStatus.DELETED:
            assert stored is None
            assert row.stored_hash == ""
        is_plain = all(message.if_exists is IfExists.REPLACE for message in messages)
        newest = [message for message in messages if message.order == max(one.order for one in messages)]
        # Of two messages with the same content, one is told that it is on its way, the other that it failed.
        refused = {one.content for one in messages if {"failed", "canceled"} & set(announced[one.correlation_id])}
        was_refused = any(message.content in refused for message in newest)
        if is_plain and not was_refused:
            story = [(message, announced[message.correlation_id]) for message in messages]
            assert content in {message.content for message in newest}, f"{content} of {story}; {row.history}"


def content_hash(stored: dict[str, Any]) -> str:
    """Give the hash of what GeoCatalog holds, as the app makes it; the emulator adds links only."""
    sent = item(stored["id"], COLLECTION, properties=stored["properties"])
    return prepare_item(sent, collection=COLLECTION, planetary_computer_url="https://pc.example").content_hash


@pytest.fixture(scope="module")
def world(account: Account, catalog: Catalog) -> World:
    clock, fuse = Clock(), Fuse()
    plain = make_app(account, catalog.url, clock)
    made = World(plain, plain, catalog, clock, fuse)
    made.app = interruptible(plain, account, fuse, made.on_answer)
    made.elsewhere = interruptible(make_app(account, catalog.url, clock), account, fuse, made.on_answer)
    clear_queues(plain)
    for table in ("status", "deadletters"):
        client = plain.storage.tables.get_table_client(table)
        for entity in client.list_entities():
            client.delete_entity(entity["PartitionKey"], entity["RowKey"])
    return made


@pytest.mark.parametrize(
    ("fault", "meanwhile", "other_content"),
    [
        (None, "kill", 1),
        ("lost response", "kill", 1),
        ("429", "kill", 1),
        (None, "deliver", 1),
        ("lost response", "deliver", 1),
        ("500", "deliver", 0),
    ],
)
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
def test_every_call_of_a_delivery(
    world: World, fault: str | None, meanwhile: str, other_content: int, is_known: bool
) -> None:
    """At each call of a delivery in turn: killed, or another message of the same second is handled."""
    for at in count(1):
        steps = ClaimProtocol(world)
        steps.begin()
        if is_known:
            steps.ingest(which=0, content=2, if_exists=IfExists.REPLACE, force=False)
            steps.deliver(0, again=False)
            steps.track()
            steps.pass_time(1)
        steps.ingest(which=0, content=0, if_exists=IfExists.REPLACE, force=False)
        steps.ingest(which=0, content=other_content, if_exists=IfExists.REPLACE, force=False)
        if fault:
            steps.fault_and_disturb_delivery(0, fault, meanwhile, at)
        else:
            steps.overlap_delivery(0, meanwhile, at, after=True)
        has_acted = steps.has_acted
        steps.every_row_has_its_message_or_operation()
        steps.teardown()
        if not has_acted:
            assert at > 3, "a delivery makes more calls than that"
            return


@pytest.mark.parametrize(
    ("fault", "meanwhile"),
    [
        (None, "kill"),
        ("passing failure", "kill"),
        ("set-up failure", "deliver"),
        ("passing failure", "deliver"),
        (None, "track"),
        ("passing failure", "track"),
    ],
)
def test_every_call_of_the_tracker(world: World, fault: str | None, meanwhile: str) -> None:
    """At each call of the tracker in turn: killed, or a message is handled, or another tracker runs."""
    for at in count(1):
        steps = ClaimProtocol(world)
        steps.begin()
        steps.ingest(which=0, content=0, if_exists=IfExists.REPLACE, force=False)
        if fault:
            steps.fault_delivery(0, fault)
        else:
            steps.deliver(0, again=False)
        steps.disturb_tracker(meanwhile, at, after=True)
        has_acted = steps.has_acted
        steps.every_row_has_its_message_or_operation()
        steps.teardown()
        if not has_acted:
            assert at > 5, "a run of the tracker makes more calls than that"
            return


@pytest.mark.both_storages
def test_claim_protocol(world: World, account: Account) -> None:
    explored = settings(
        max_examples=EXAMPLES or (5 if isinstance(account, Azurite) else 15),
        stateful_step_count=16,
        deadline=None,
        derandomize=not EXAMPLES,
        database=None,
        # The shortest example of a fault takes long to find: only where somebody has the time.
        phases=list(Phase) if EXAMPLES else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    explore: Any = run_state_machine_as_test  # it takes any callable that makes the machine
    explore(lambda: ClaimProtocol(world), settings=explored)
    print("; ".join(f"{name} {number}" for name, number in sorted(world.seen.items())))  # noqa: T201 - the figures
