"""Makes one message per item of a file of many, some at a time, so that a file of any length is handled."""

import itertools
import logging
import time
from datetime import datetime, timedelta
from typing import Any

from shared.clients import Clients
from shared.clock import format_timestamp
from shared.errors import BadMessage, ErrorCode
from shared.item_files import FileEntry, ItemFile
from shared.message_handling import reject
from shared.messages import ItemMessage, QueueName, dump_message

log = logging.getLogger(__name__)

# One run stays short against the host's 5 minutes: at 10 ms a message these are sent in 10 seconds.
MAX_ITEMS_PER_RUN = 1_000


def fan_out(file: ItemFile, message: ItemMessage, enqueued_at: datetime, app: Clients) -> None:
    """Sends one message per item of the file; where there are more than one run sends, the message again with `offset`.

    An entry that is not an item becomes a dead letter and nothing else is lost. Items keep the order of the file: each
    is enqueued a microsecond after the one before, so that of two versions in one file the later wins.

    Args:
        file: the file of many.
        message: the message that named it.
        enqueued_at: when that was put on the queue.
        app: the clients.

    Raises:
        BadMessage: the file names no item.
        azure.core.exceptions.AzureError: the storage could not be written.
    """
    start = message.offset or 0
    first_enqueued = message.first_enqueued or enqueued_at
    own = dict.fromkeys(("href", "offset", "first_enqueued", "retry_since", "crashes"))
    common = dump_message(message.model_copy(update=own))
    deadline = time.monotonic() + app.timings.fan_out_budget.total_seconds()
    number = start
    for number, entry in enumerate(itertools.islice(file.entries, start, None), start + 1):
        _send(entry, common, first_enqueued + timedelta(microseconds=number), app)
        if number - start >= MAX_ITEMS_PER_RUN or time.monotonic() > deadline:
            again = {"attempt": 0, "href": message.href, "offset": number}
            again["first_enqueued"] = format_timestamp(first_enqueued)
            app.queues.send(QueueName.ITEMS, common | again)
            log.info("A file of many: items %s to %s sent, going on", start + 1, number)
            return
    if number == 0:
        raise BadMessage("The file names no item.", code=ErrorCode.HREF_NOT_STAC)
    log.info("A file of many: items %s to %s sent, it ends there", start + 1, number)


def fan_out_whole(file: ItemFile, first_enqueued: datetime, app: Clients) -> None:
    """Sends one message per item of an ItemCollection that came as a message, so is small enough for one run.

    Raises:
        BadMessage: it names no item.
        azure.core.exceptions.AzureError: the storage could not be written.
    """
    number = 0
    for number, entry in enumerate(file.entries, 1):
        _send(entry, {}, first_enqueued + timedelta(microseconds=number), app)
    if number == 0:
        raise BadMessage("The ItemCollection names no item.", code=ErrorCode.HREF_NOT_STAC)


def _send(entry: FileEntry, common: dict[str, Any], first_enqueued: datetime, app: Clients) -> None:
    if entry.item is None:
        reject(QueueName.ITEMS, entry.text, BadMessage(entry.reason), app)
        return
    child = {**common, "item": entry.item, "attempt": 0, "first_enqueued": format_timestamp(first_enqueued)}
    app.queues.send(QueueName.ITEMS, child)
