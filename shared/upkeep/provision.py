"""Creates what the app needs in its storage account: queues, tables and containers."""

from azure.core.exceptions import ResourceExistsError

from shared.messages.models import WORK_QUEUES, QueueName
from shared.storage.account import StorageClients
from shared.storage.payloads import INCOMING, PAYLOADS, create_container
from shared.storage.queues import create_queue
from shared.storage.tables import TABLES

QUEUES = (
    *(queue.value for queue in QueueName),
    *(f"{queue}-poison" for queue in WORK_QUEUES),
)
CONTAINERS = (INCOMING, PAYLOADS)


def create_storage(storage: StorageClients) -> None:
    """Creates every queue, table and container that is not there yet.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    for queue in QUEUES:
        create_queue(storage.queues.get_queue_client(queue))
    for container in CONTAINERS:
        create_container(storage.blobs, container)
    for table in TABLES:
        try:
            storage.tables.create_table(table)
        except ResourceExistsError:
            continue
