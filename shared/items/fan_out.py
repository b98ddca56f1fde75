"""Makes one message per item of a file of many, some at a time, so that a file of any length is handled.

A run sends up to 1,000 items, then the message itself again. After each few items it writes down how far it has come,
so that a run that is killed is gone on with there, and so that two runs of one message notice each other.
"""

import hashlib
import io
import itertools
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from shared.basics.clock import format_timestamp
from shared.basics.errors import BadMessage, ErrorCode
from shared.basics.json_codec import canonical_json, write_json
from shared.basics.parallel import run_all
from shared.basics.redact import redact
from shared.clients import Clients
from shared.files.item_files import FileEntry, ItemFile, open_item_file, open_lines
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
# The same in bytes, so that large lines do not fill the memory: with one more of 1 MiB, GeoCatalog's limit of an item,
# and the piece being read they take no more than a document that is not large.
_BYTES_PER_RECORD = 2 * 1024 * 1024

# Fields of the file's message that its items do not inherit.
_OWN_FIELDS = dict.fromkeys(("href", "offset", "lines_of", "first_enqueued", "attempt", "retry_since", "crashes"))


class _FanOut:
    """One message that names a file of many: what its items inherit, and where its progress is kept."""

    def __init__(self, message: ItemMessage, envelope: Envelope, app: Clients) -> None:
        self.href = str(message.href)
        self.lines_of = message.lines_of
        self.app = app
        self.first_enqueued = envelope.first_enqueued
        self.common = dump_message(message.model_copy(update=_OWN_FIELDS))
        again = {**self.common, "href": self.href, "first_enqueued": format_timestamp(self.first_enqueued)}
        self.store = FanOutStore(app.storage.blobs, hashlib.sha256(canonical_json(again)).hexdigest())
        self.again = {**again, "attempt": 0}
        if self.lines_of:
            self.again["lines_of"] = self.lines_of


def fan_out(file: ItemFile, message: ItemMessage, envelope: Envelope, app: Clients) -> None:
    """Begins to send one message per item of a file.

    An entry that is not an item becomes a dead letter and nothing else is lost. Items keep the order of the file: each
    is enqueued a microsecond after the one before, so that of two versions in one file the later wins.

    Args:
        file: the file of many.
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
    if progress.position is not None:  # a run that was killed has come so far
        _go_on(work, progress)
    elif not progress.sent and (file.length or 0) > MAX_ITEMS_PER_RUN:
        _store_as_lines(file, work)
    elif not _send_run(itertools.islice(file.entries, progress.sent, None), progress, work).sent:
        raise BadMessage("The file names no item.", code=ErrorCode.HREF_NOT_STAC)


def go_on(message: ItemMessage, envelope: Envelope, app: Clients) -> None:
    """Sends the next items of a file whose first ones were sent; arguments and errors are those of fan_out."""
    work = _FanOut(message, envelope, app)
    progress = work.store.read()
    offset = message.offset or 0
    _go_on(work, progress if progress.sent >= offset else Progress(offset, etag=progress.etag))


def fan_out_whole(file: ItemFile, envelope: Envelope, app: Clients) -> None:
    """Sends one message per item of an ItemCollection that came as a message.

    One of more entries than a run handles, which are hardly items, is kept as a payload and sent by its URL.

    Args:
        file: the ItemCollection.
        envelope: the message.
        app: the clients.

    Raises:
        BadMessage: it names no item.
        azure.core.exceptions.AzureError: the storage could not be written.
    """
    if (file.length or 0) > MAX_ITEMS_PER_RUN:
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
    elif work.lines_of:
        with open_lines(work.href, work.app.hrefs) as entries:
            yield itertools.islice(entries, progress.sent, None)
    else:
        with open_item_file(work.href, work.app.hrefs) as file:
            yield itertools.islice(file.entries, progress.sent, None)


def _store_as_lines(file: ItemFile, work: _FanOut) -> None:
    """Stores a long ItemCollection with one entry a line, so that each run need not read all of it, and sends that.

    Entries that are no items are stored too: to reject them takes a run's time limit and record of progress.
    """
    lines = io.BytesIO()  # unlike a bytearray it gives what it holds without a copy
    for entry in file.entries:
        lines.write((entry.text if entry.item is None else write_json(entry.item)) + b"\n")
    href = work.store.store_lines(lines.getvalue())
    work.app.queues.send(QueueName.ITEMS, {**work.again, "href": href, "lines_of": redact(work.href)})
    log.info("A collection of %s entries was stored with one entry a line", file.length)


def _send_run(entries: Iterator[FileEntry], progress: Progress, work: _FanOut) -> Progress:
    start = progress.sent
    deadline = time.monotonic() + work.app.timings.fan_out_budget.total_seconds()
    for some in _portions(itertools.islice(entries, MAX_ITEMS_PER_RUN)):
        _send_all(some, progress.sent, work)
        progress = work.store.write(Progress(progress.sent + len(some), some[-1].end, progress.etag))
        if progress.sent - start >= MAX_ITEMS_PER_RUN or time.monotonic() > deadline:
            work.app.queues.send(QueueName.ITEMS, {**work.again, "offset": progress.sent})
            log.info("A file of many: items %s to %s sent, going on", start + 1, progress.sent)
            return progress
    log.info("A file of many: items %s to %s sent, it ends there", start + 1, progress.sent)
    return progress


def _portions(entries: Iterator[FileEntry]) -> Iterator[list[FileEntry]]:
    some: list[FileEntry] = []
    size = 0
    for entry in entries:
        some.append(entry)
        size += len(entry.text)
        if len(some) == ITEMS_PER_RECORD or size > _BYTES_PER_RECORD:
            yield some
            some, size = [], 0
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
    where = f" It stands in {work.lines_of or redact(work.href)}; mend it and send it again." if work else ""
    mark = work.common.get("correlation_id") if work else None
    error = BadMessage(entry.reason + where)
    app.delivery.reject(QueueName.ITEMS, entry.text.rstrip(b"\r\n"), error, correlation_id=mark)


def _send(item: dict[str, Any], common: dict[str, Any], first_enqueued: datetime, app: Clients) -> None:
    child = {**common, "item": item, "attempt": 0, "first_enqueued": format_timestamp(first_enqueued)}
    app.queues.send(QueueName.ITEMS, child)
