"""What the app and its tests rely on of queues holds in memory as on Azurite."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient

from shared.settings import StorageConnection
from shared.storage.account import clients_over
from tests.memory.account import MemoryAccount
from tests.memory.conftest import Storage

pytestmark = pytest.mark.both_storages


@pytest.fixture
def queue(storage: Storage) -> Iterator[QueueClient]:
    """Make an empty queue."""
    made = storage.clients.queues.create_queue(f"contract-{uuid.uuid4().hex}")
    yield made
    made.delete_queue()


def count(queue: QueueClient) -> int:
    return queue.get_queue_properties().approximate_message_count or 0


def received(queue: QueueClient) -> list[Any]:
    return list(queue.receive_messages(messages_per_page=32, max_messages=32, visibility_timeout=600))


def test_messages_come_in_order_and_as_they_were_sent(queue: QueueClient) -> None:
    texts = ["ä <&> 🛰", "", " x\n", *(f"m{number}" for number in range(40))]
    sent = [queue.send_message(text) for text in texts]
    assert count(queue) == len(texts)
    assert [message.content for message in queue.peek_messages(max_messages=2)] == texts[:2]

    found = [*received(queue), *received(queue)]

    assert [message.content for message in found] == texts
    assert [message.id for message in found] == [message.id for message in sent]
    assert {message.dequeue_count for message in found} == {1}
    assert all(message.inserted_on == one.inserted_on for message, one in zip(found, sent, strict=True))
    assert all(message.inserted_on.microsecond == 0 for message in found)
    assert count(queue) == len(texts), "the invisible ones count as well"
    assert received(queue) == []


def test_a_message_comes_again_when_its_visibility_timeout_has_passed(storage: Storage, queue: QueueClient) -> None:
    queue.send_message("x")
    first = queue.receive_message(visibility_timeout=1)
    assert first
    assert queue.receive_message() is None

    storage.wait_until(lambda: bool(queue.peek_messages()))

    again = received(queue)
    assert (again[0].content, again[0].dequeue_count) == ("x", 2)
    assert again[0].pop_receipt != first.pop_receipt
    with pytest.raises(HttpResponseError) as refused:
        queue.delete_message(first)
    assert refused.value.status_code in {400, 404}
    assert count(queue) == 1
    queue.delete_message(again[0])
    assert count(queue) == 0


def test_a_delayed_message_is_not_visible_before_its_time(storage: Storage, queue: QueueClient) -> None:
    queue.send_message("later", visibility_timeout=2, time_to_live=-1)
    queue.send_message("now")
    assert [message.content for message in received(queue)] == ["now"]
    assert queue.peek_messages() == []
    assert count(queue) == 2

    storage.wait_until(lambda: bool(queue.peek_messages()))

    assert [message.content for message in received(queue)] == ["later"]


def test_a_message_that_has_expired_is_gone(storage: Storage, queue: QueueClient) -> None:
    queue.send_message("short", time_to_live=1)
    kept, usual = queue.send_message("kept", time_to_live=-1), queue.send_message("usual")
    assert kept.expires_on
    assert kept.expires_on.year == 9999
    assert usual.expires_on
    assert usual.inserted_on
    assert usual.expires_on - usual.inserted_on == timedelta(days=7)

    storage.wait_until(lambda: "short" not in [message.content for message in queue.peek_messages(max_messages=5)])

    assert [message.content for message in received(queue)] == ["kept", "usual"]


def test_a_message_is_updated_and_deleted_by_its_latest_receipt(queue: QueueClient) -> None:
    queue.send_message("x")
    taken = queue.receive_message(visibility_timeout=600)
    assert taken
    updated = queue.update_message(taken, content="y", visibility_timeout=0)
    assert updated.pop_receipt != taken.pop_receipt
    (again,) = received(queue)
    assert (again.content, again.dequeue_count) == ("y", 2)
    queue.delete_message(again)
    with pytest.raises(ResourceNotFoundError):
        queue.delete_message(again)


def test_clearing_removes_invisible_messages_too(queue: QueueClient) -> None:
    for text in ("a", "b"):
        queue.send_message(text)
    queue.receive_message(visibility_timeout=600)
    queue.clear_messages()
    assert count(queue) == 0


def test_a_queue_is_made_once_and_a_missing_one_is_named(storage: Storage) -> None:
    queue = storage.clients.queues.get_queue_client(f"contract-{uuid.uuid4().hex}")
    for call in (
        lambda: queue.send_message("x"),
        queue.receive_message,
        queue.peek_messages,
        queue.clear_messages,
        queue.get_queue_properties,
    ):
        with pytest.raises(ResourceNotFoundError) as missing:
            call()
        assert missing.value.error_code == "QueueNotFound"  # type: ignore[attr-defined]
    queue.create_queue()
    with pytest.raises(ResourceExistsError):
        queue.create_queue()
    assert queue.queue_name in {found.name for found in storage.clients.queues.list_queues()}
    queue.delete_queue()
    assert queue.queue_name not in {found.name for found in storage.clients.queues.list_queues()}


REFUSED: dict[str, tuple[Callable[[QueueClient], object], int, str]] = {
    "a text over 64 KiB": (lambda queue: queue.send_message("x" * 65_537), 413, "RequestBodyTooLarge"),
    "a delay over 7 days": (
        lambda queue: queue.send_message("x", visibility_timeout=7 * 86_400 + 1), 400, "OutOfRangeQueryParameterValue",
    ),
    "a life that ends first": (
        lambda queue: queue.send_message("x", visibility_timeout=10, time_to_live=5), 400, "InvalidQueryParameterValue",
    ),
    "33 messages at once": (
        lambda queue: list(queue.receive_messages(messages_per_page=33)), 400, "OutOfRangeQueryParameterValue",
    ),
    "hidden for over 7 days": (
        lambda queue: queue.receive_message(visibility_timeout=8 * 86_400), 400, "OutOfRangeQueryParameterValue",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_queue_refuses(queue: QueueClient, what: str) -> None:
    call, status, code = REFUSED[what]
    with pytest.raises(HttpResponseError) as refused:
        call(queue)
    assert (refused.value.status_code, refused.value.error_code) == (status, code)  # type: ignore[attr-defined]
    assert count(queue) == 0
    queue.send_message("x" * 65_536)
    assert count(queue) == 1


def test_clients_of_two_accounts_in_one_process_each_reach_their_own() -> None:
    accounts = [MemoryAccount(), MemoryAccount()]
    clients = [
        clients_over(account.session(), StorageConnection(connection_string=account.connection_string()), None).queues
        for account in accounts
    ]
    for number, service in enumerate(clients):
        service.get_queue_client("mine").create_queue()
        service.get_queue_client("mine").send_message(str(number))
    contents = [[found.content for found in service.get_queue_client("mine").peek_messages()] for service in clients]
    assert contents == [["0"], ["1"]]
