"""What the timers measure for telemetry: queues and sources; a few cheap calls a run, and none while it is off."""

import logging
from datetime import datetime

from azure.core.exceptions import AzureError, ResourceNotFoundError

from shared import telemetry
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.messages.models import QueueName
from shared.telemetry import Gauge
from shared.upkeep.provision import QUEUES

log = logging.getLogger(__name__)

# The queues that the app empties. Results are read by others, at their leisure; the app may not even look there.
WATCHED_QUEUES = tuple(queue for queue in QUEUES if queue != QueueName.RESULTS)


def observe_queues(app: Clients) -> None:
    """Measures how many messages each queue holds, and how long the oldest that is due has waited.

    A fault of the storage is logged and leaves the look to the next run.
    """
    if telemetry.is_on():
        run_all(lambda queue: _observe_queue(queue, app), WATCHED_QUEUES)


def observe_sources(app: Clients) -> None:
    """Measures how long the SAS of each wanted source still lives; one that has ended counts below zero.

    A fault of the storage is logged and leaves the look to the next run.
    """
    if not telemetry.is_on():
        return
    try:
        rows = app.sources.rows()
    except AzureError as error:
        log.warning("The sources could not be looked at: %s", type(error).__name__)
        return
    for row in rows:
        ends = row.get("expires_at") if row.get("kind") == "SasToken" else None
        if isinstance(ends, datetime):
            left = (ends - app.now()).total_seconds()
            telemetry.measure(Gauge.SOURCE_TIME_LEFT, left, container_url=str(row.get("container_url")))


def _observe_queue(queue: str, app: Clients) -> None:
    client = app.storage.queues.get_queue_client(queue)
    try:
        count = client.get_queue_properties().approximate_message_count
        due = client.peek_messages(max_messages=1)
    except ResourceNotFoundError:
        count, due = 0, []  # not made yet: the first message makes it
    except AzureError as error:
        log.warning("Queue %s could not be looked at: %s", queue, type(error).__name__)
        return
    inserted = due[0].inserted_on if due else None
    age = max((app.now() - inserted).total_seconds(), 0) if inserted else 0
    telemetry.measure(Gauge.QUEUE_MESSAGES, count or 0, queue=queue)
    telemetry.measure(Gauge.QUEUE_OLDEST, age, queue=queue)
