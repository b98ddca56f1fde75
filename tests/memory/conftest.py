"""The storage that the contract is checked on: the account in memory, and Azurite."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from local.azurite import Azurite
from shared.settings import StorageConnection
from shared.storage.account import StorageClients, clients_over, connect_storage
from tests.memory.account import MemoryAccount
from tests.properties.apps import Clock
from tests.properties.catalog import wait_until

_STEP = timedelta(milliseconds=500)


@dataclass(frozen=True)
class Storage:
    """A storage account under test.

    Attributes:
        clients: its clients, as the app builds them.
        wait_until: waits until a condition holds, by the clock of the account.
        is_memory: whether it is the one in memory.
    """

    clients: StorageClients
    wait_until: Callable[[Callable[[], bool]], None]
    is_memory: bool


@pytest.fixture(scope="module")
def storage(account: Azurite | MemoryAccount) -> Iterator[Storage]:
    """Give the account's clients; where it is in memory, with a clock of its own that waiting moves."""
    if isinstance(account, Azurite):
        connection = StorageConnection(connection_string=account.connection_string())
        yield Storage(connect_storage(connection, None), wait_until, is_memory=False)
        return
    clock = Clock()
    own = MemoryAccount(clock.now)

    def move_until(condition: Callable[[], bool]) -> None:
        for _ in range(100):
            if condition():
                return
            clock.advance(_STEP)
        raise AssertionError("the condition never came to hold")

    connection = StorageConnection(connection_string=own.connection_string())
    with own.session() as session:
        yield Storage(clients_over(session, connection, None), move_until, is_memory=True)
