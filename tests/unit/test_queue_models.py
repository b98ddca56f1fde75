"""The queue SDK builds its models without a lock; the app completes them before threads use them."""

import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
from azure.storage.queue._generated import models
from azure.storage.queue._generated._utils import model_base

from shared.settings import StorageConnection
from shared.storage.account import connect_storage

ANSWER = ET.fromstring(  # noqa: S314 - our own text
    "<QueueMessagesList><QueueMessage><MessageId>a</MessageId><PopReceipt>b</PopReceipt></QueueMessage></QueueMessagesList>"
)
TABLES = ("_attr_to_rest_field", "_xml_field_plan", "_backcompat_attr_to_rest_field")
ROUNDS = 60
NOWHERE = StorageConnection(connection_string="UseDevelopmentStorage=true")


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def forget_models() -> None:
    """Bring the models to where they are in a process that has not used them."""
    for model in [
        kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, model_base.Model)
    ]:
        for table in TABLES:
            if table in vars(model):
                delattr(model, table)
        for field in vars(model).values():
            if hasattr(field, "_rest_name_input"):
                field._type = None  # noqa: SLF001 - the SDK offers no way to begin anew
    model_base.Model._calculated.clear()  # noqa: SLF001


@pytest.mark.usefixtures("quick_switches")
def test_first_sends_of_many_threads_read_whole_models() -> None:
    faults: list[Exception] = []

    def read(together: threading.Barrier) -> None:
        together.wait()
        try:
            answer = model_base._deserialize(models.ListOfSentMessage, ANSWER)  # noqa: SLF001
            assert answer.items_property[0].message_id == "a"
        except (AttributeError, AssertionError) as fault:
            faults.append(fault)

    for _ in range(ROUNDS):
        forget_models()
        connect_storage(NOWHERE, None)
        together = threading.Barrier(16)
        threads = [threading.Thread(target=read, args=(together,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not faults
