"""Makes one message per item of a multi-item file, some at a time, so that a file of any length is handled.

A run sends up to 1,000 items, then the message itself again. After each few items it writes down how far it has come,
so that a run that is killed is gone on with there, and so that two runs of one message notice each other.
"""

import hashlib
import itertools
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from shared.basics.clock import format_timestamp
from shared.basics.errors import BadMessage, ErrorCode
from shared.basics.json_codec import canonical_json
from shared.basics.parallel import run_all
from shared.basics.redact import redact
from shared.clients import Clients
from shared.files.item_files import FileEntry, ItemFile, open_item_file, open_lines
from shared.files.json_stream import MAX_HELD_MEMORY
from shared.messages.envelope import Envelope
from shared.messages.models import ItemMessage, QueueName
from shared.messages.reading import dump_message
from shared.records.fan_out_store import FanOutStore, Progress
from shared.storage.payloads import Payloads

log = logging.getLogger(__name__)

# One run stays short against the host's 5 minutes: sixteen at once and 10 ms a message, these take a second or two.
# They are also what brings instances: the host adds one for each 32 messages that wait.
MAX_ITEMS_PER_RUN = 1_000
# What a kill can cause to be sent twice; the record of it costs one call for as many messages.
ITEMS_PER_RECORD = 50
# The same in memory, so that large items do not fill the memory.
MEMORY_PER_RECORD = MAX_HELD_MEMORY // 2

# Fields of the file's message that its items do not inherit.
_OWN_FIELDS = dict.fromkeys(("href", "offset", "first_enqueued", "attempt", "retry_since", "crashes"))


class _FanOut:
    """One message that names a multi-item file: what its items inherit, and where its progress is kept."""

    def __init__(self, message: ItemMessage, envelope: Envelope, app: Clients) -> None:
        self.href = str(message.href)
        self.app = app
        self.first_enqueued = envelope.first_enqueued
        self.common = dump_message(message.model_copy(update=_OWN_FIELDS))
        again = {**self.common, "href": self.href, "first_enqueued": format_timestamp(self.first_enqueued)}
        self.store = FanOutStore(app.storage.blobs, hashlib.sha256(canonical_json(again)).hexdigest())
        self.again = {**again, "attempt": 0}


def fan_out(file: ItemFile, message: ItemMessage, envelope: Envelope, app: Clients) -> None:
    """Begin to send one message per item of a file.

    An entry that is not an item becomes a dead letter and nothing else is lost. Items keep the order of the file: each
    is enqueued a microsecond after the one before, so that of two versions in one file the later wins.

    Args:
        file: the multi-item file.
        message: the fields of the message that named it.
        envelope: the message.
        app: the clients.

    Raises:
        BadMessage: the file names no item, or was changed while its items were sent.
        Unavailable: another run of the same message is at work.
        azure.core.exceptions.AzureError: the storage could not be written.
    """
    work = _FanOut(message, envelope, app)
    progress = work.store.read()
    if progress.sent:  # a run that was killed has come so far
        _go_on(work, progress)
    elif not _send_run(file.entries, progress, work).sent:
        raise BadMessage("The file names no item.", code=ErrorCode.HREF_NOT_STAC)


def go_on(message: ItemMessage, envelope: Envelope, app: Clients) -> None:
    """Send the next items of a file whose first ones were sent; arguments and errors are those of fan_out."""
    work = _FanOut(message, envelope, app)
    progress = work.store.read()
    offset = message.offset or 0
    _go_on(work, progress if progress.sent >= offset else Progress(offset, etag=progress.etag))


def fan_out_whole(envelope: Envelope, app: Clients) -> None:
    """Send one message per item of an ItemCollection that came as a message.

    One of more entries than a run handles, which are hardly items, is kept as a payload and sent by its URL.

    Args:
        envelope: the message.
        app: the clients.

    Raises:
        BadMessage: it has no list of features, or names no item.
        azure.core.exceptions.AzureError: the storage could not be written.
    """
    file = ItemFile.of_collection(dict(envelope.fields))
    if len(envelope.fields["features"]) > MAX_ITEMS_PER_RUN:
        moment = format_timestamp(envelope.first_enqueued)
        message = {"href": Payloads(app.storage.blobs).store(envelope.body), "first_enqueued": moment, "attempt": 0}
        app.queues.send(QueueName.ITEMS, message)
        return
    number = 0
    for number, entry in enumerate(file.entries, 1):
        if entry.item is None:
            _reject(entry, app)
        else:
            _send(entry.item, {}, envelope.first_enqueued + timedelta(microseconds=number), app)
    if number == 0:
        raise BadMessage("The ItemCollection names no item.", code=ErrorCode.HREF_NOT_STAC)


def _go_on(work: _FanOut, progress: Progress) -> None:
    with _entries_after(progress, work) as entries:
        _send_run(entries, progress, work)


@contextmanager
def _entries_after(progress: Progress, work: _FanOut) -> Iterator[Iterator[FileEntry]]:
    if progress.position is not None:
        with open_lines(work.href, work.app.hrefs, start=progress.position, number=progress.sent) as entries:
            yield entries
    else:
        with open_item_file(work.href, work.app.hrefs, skip=progress.sent) as file:
            yield file.entries


def _send_run(entries: Iterator[FileEntry], progress: Progress, work: _FanOut) -> Progress:
    start = progress.sent
    deadline = time.monotonic() + work.app.timings.fan_out_budget.total_seconds()
    for some in _portions(itertools.islice(entries, MAX_ITEMS_PER_RUN)):
        _send_all(some, progress.sent, work)
        progress = work.store.write(Progress(progress.sent + len(some), some[-1].end, progress.etag))
        if progress.sent - start >= MAX_ITEMS_PER_RUN or time.monotonic() > deadline:
            work.app.queues.send(QueueName.ITEMS, {**work.again, "offset": progress.sent})
            log.info("A multi-item file: items %s to %s sent, going on", start + 1, progress.sent)
            return progress
    log.info("A multi-item file: items %s to %s sent, it ends there", start + 1, progress.sent)
    return progress


def _portions(entries: Iterator[FileEntry]) -> Iterator[list[FileEntry]]:
    some: list[FileEntry] = []
    memory = 0
    for entry in entries:
        some.append(entry)
        memory += entry.memory
        if len(some) == ITEMS_PER_RECORD or memory > MEMORY_PER_RECORD:
            yield some
            some, memory = [], 0
    if some:
        yield some


def _send_all(entries: Iterable[FileEntry], before: int, work: _FanOut) -> None:
    def send(numbered: tuple[int, FileEntry]) -> None:
        number, entry = numbered
        if entry.item is None:
            _reject(entry, work.app, work)
        else:
            _send(entry.item, work.common, work.first_enqueued + timedelta(microseconds=number), work.app)

    run_all(send, enumerate(entries, before + 1))


def _reject(entry: FileEntry, app: Clients, work: _FanOut | None = None) -> None:
    where = f" It stands in {redact(work.href)}; fix it and send it again." if work else ""
    mark = work.common.get("correlation_id") if work else None
    error = BadMessage(entry.reason + where)
    app.delivery.reject(QueueName.ITEMS, entry.text.rstrip(b"\r\n"), error, correlation_id=mark)


def _send(item: dict[str, Any], common: dict[str, Any], first_enqueued: datetime, app: Clients) -> None:
    child = {**common, "item": item, "attempt": 0, "first_enqueued": format_timestamp(first_enqueued)}
    app.queues.send(QueueName.ITEMS, child)
