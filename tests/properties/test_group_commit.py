"""What threads write to one partition at a time goes in one transaction, and each learns what became of its own."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseTimeoutError

from shared.basics import deadline
from shared.clients import Clients
from shared.storage.group_commit import Conflict, GroupCommit, Metadata
from shared.storage.transactions import Write
from tests.properties.apps import Account, make_app
from tests.properties.catalog import wait_until

PATIENCE = 60.0


class Desk:
    """A group commit on the real table, whose transactions can be held up."""

    def __init__(self, app: Clients, partition: str) -> None:
        self._app = app
        self._open = threading.Event()
        self._open.set()
        self.partition = partition
        self.groups: list[list[str]] = []
        self.fault_of_groups: Exception | None = None
        self.commit = GroupCommit(self._transact)

    def _transact(self, writes: Sequence[Write]) -> Sequence[Metadata]:
        if writes[0][1]["PartitionKey"] == self.partition:
            self.groups.append([write[1]["RowKey"] for write in writes])
            assert self._open.wait(PATIENCE)
        if self.fault_of_groups and len(writes) > 1:
            raise self.fault_of_groups
        return self._app.status.transact(writes)

    @contextmanager
    def held_up(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        """Keep a transaction under way for as long as the block lasts."""
        self._open.clear()
        first = self.insert(pool, "first")
        wait_until(lambda: bool(self.groups))
        self.groups.clear()
        yield
        self._open.set()
        first.result(PATIENCE)

    def wait_for_waiting(self, count: int) -> None:
        """Wait until so many wait for the transaction that is under way."""
        wait_until(lambda: len(self.commit._lanes[self.partition].waiting) == count)  # noqa: SLF001 - seen nowhere else

    def insert(self, pool: ThreadPoolExecutor, key: str, **columns: Any) -> Future[Sequence[Metadata]]:
        return pool.submit(self.commit.write, self.partition, [("create", self.row(key, **columns))])

    def row(self, key: str, **columns: Any) -> dict[str, Any]:
        return {"PartitionKey": self.partition, "RowKey": key, **columns}

    def rows(self) -> dict[str, Any]:
        """Give the etags of the partition's rows."""
        with self._app.storage.tables.get_table_client("status") as table:
            found = table.query_entities(f"PartitionKey eq '{self.partition}'")
            return {row["RowKey"]: row.metadata["etag"] for row in found}


@pytest.fixture(scope="module")
def app(account: Account) -> Clients:
    return make_app(account, "http://127.0.0.1:1")


@pytest.fixture
def desk(app: Clients, request: pytest.FixtureRequest) -> Desk:
    return Desk(app, f"group-{request.node.name}"[:60].replace("[", "-").replace("]", ""))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as made:
        yield made


def test_a_single_thread_waits_for_nobody(desk: Desk) -> None:
    desk.commit.write(desk.partition, [("create", desk.row("a"))])
    desk.commit.write(desk.partition, [("create", desk.row("b"))])

    assert desk.groups == [["a"], ["b"]]


@pytest.mark.both_storages
def test_what_comes_meanwhile_goes_in_as_few_transactions_as_hold_it(desk: Desk, pool: ThreadPoolExecutor) -> None:
    keys = [f"key-{number:02d}" for number in range(40)]
    with desk.held_up(pool):
        made = {key: desk.insert(pool, key) for key in keys}
        desk.wait_for_waiting(len(keys))

    etags = {key: future.result(PATIENCE)[0]["etag"] for key, future in made.items()}
    assert [len(group) for group in desk.groups] == [16, 16, 8]
    assert etags | {"first": desk.rows()["first"]} == desk.rows()


def test_partitions_do_not_wait_for_each_other(desk: Desk, pool: ThreadPoolExecutor) -> None:
    elsewhere = {"PartitionKey": f"{desk.partition}-elsewhere", "RowKey": "x"}
    with desk.held_up(pool):
        waiting = desk.insert(pool, "waiting")
        assert desk.commit.write(elsewhere["PartitionKey"], [("create", elsewhere)])
        assert not waiting.done()
    waiting.result(PATIENCE)


def test_a_row_that_is_there_costs_nobody_else_its_write(desk: Desk, pool: ThreadPoolExecutor) -> None:
    desk.commit.write(desk.partition, [("create", desk.row("there"))])
    with desk.held_up(pool):
        good = [desk.insert(pool, f"good-{number}") for number in range(5)]
        bad = desk.insert(pool, "there")
        desk.wait_for_waiting(6)

    with pytest.raises(Conflict):
        bad.result(PATIENCE)
    assert {future.result(PATIENCE)[0]["etag"] for future in good} <= set(desk.rows().values())
    assert set(desk.rows()) == {"there", "first", *(f"good-{number}" for number in range(5))}


@pytest.mark.both_storages
def test_of_two_that_write_the_same_row_one_does(desk: Desk, pool: ThreadPoolExecutor) -> None:
    with desk.held_up(pool):
        racing = [desk.insert(pool, f"row-{number % 7}", writer=number) for number in range(28)]
        desk.wait_for_waiting(28)

    errors = [future.exception(PATIENCE) for future in racing]
    assert sum(error is None for error in errors) == 7
    assert all(error is None or isinstance(error, Conflict) for error in errors)
    assert len(desk.rows()) == 8


def test_a_fault_of_the_storage_is_told_to_all_and_not_met_again_by_each(desk: Desk, pool: ThreadPoolExecutor) -> None:
    desk.fault_of_groups = ServiceRequestError("The connection was refused.")
    with desk.held_up(pool):
        waiting = [desk.insert(pool, f"key-{number}") for number in range(10)]
        desk.wait_for_waiting(10)

    assert all(future.exception(PATIENCE) is desk.fault_of_groups for future in waiting)
    assert len(desk.groups) == 1
    assert desk.insert(pool, "later").result(PATIENCE), "the next one is tried"


def test_a_refusal_of_a_group_is_no_refusal_of_its_members(desk: Desk, pool: ThreadPoolExecutor) -> None:
    refused = HttpResponseError("The table refused a transaction: 413 RequestBodyTooLarge.")
    refused.status_code = 413
    desk.fault_of_groups = refused
    with desk.held_up(pool):
        waiting = [desk.insert(pool, f"key-{number}") for number in range(10)]
        desk.wait_for_waiting(10)

    assert all(future.result(PATIENCE) for future in waiting)
    assert len(desk.rows()) == 11


def test_a_row_that_cannot_be_packed_costs_nobody_else_its_write(desk: Desk, pool: ThreadPoolExecutor) -> None:
    with desk.held_up(pool):
        good = [desk.insert(pool, f"good-{number}") for number in range(5)]
        bad = desk.insert(pool, "bad", column=object())
        desk.wait_for_waiting(6)

    assert isinstance(bad.exception(PATIENCE), TypeError)
    assert all(future.result(PATIENCE) for future in good)
    assert len(desk.rows()) == 6


def test_whoever_has_no_time_left_to_wait_leaves_and_is_not_written(desk: Desk, pool: ThreadPoolExecutor) -> None:
    with desk.held_up(pool):
        with deadline.limit(0.05), pytest.raises(ServiceResponseTimeoutError):
            desk.commit.write(desk.partition, [("create", desk.row("late"))])
        other = desk.insert(pool, "other")
        desk.wait_for_waiting(1)

    other.result(PATIENCE)
    assert desk.rows().keys() == {"first", "other"}
