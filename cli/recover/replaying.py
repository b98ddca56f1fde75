"""Sends failed, canceled or held items, or dead letters, once more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from azure.core.exceptions import AzureError

from cli.follow.dead_letters import LetterFilter, find_letters
from cli.follow.item_rows import ItemFilter, find_keys
from cli.output.printing import Bar
from shared.basics.errors import BadMessage
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.items.resume import send_again
from shared.messages.decoding import decode_body, read_object
from shared.messages.models import WORK_QUEUES
from shared.records.collection_rows import collection_born, is_current
from shared.records.deadletters import body_of
from shared.records.status_rows import ITEM_PREFIX, item_row

# So many are taken at once: enough for all threads, few enough that the bar moves.
_PORTION = 200

# Collection and id of an item, or queue and key of a dead letter.
Key = tuple[str, str]


class UnsendableError(Exception):
    """It cannot be sent again: nothing was kept of it that could be."""


class Replayable(Protocol):
    """What can be sent once more."""

    unit: str

    def keys(self) -> Iterable[Key]:
        """Find all of them."""

    def send(self, key: Key, *, dry_run: bool) -> dict[str, str] | None:
        """Send one again.

        Args:
            key: which.
            dry_run: whether to send nothing.

        Returns:
            What names it, and its error code; None where it is no longer there or no longer wanted.

        Raises:
            UnsendableError: it cannot be sent again.
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """


@dataclass
class Replayed:
    """What became of what was to be sent again.

    Attributes:
        sent: what names each that was (or would be) sent, and its error code.
        unsendable: those that cannot be sent again.
        fault: what ended it early.
    """

    sent: list[dict[str, str]] = field(default_factory=list)
    unsendable: list[Key] = field(default_factory=list)
    fault: BaseException | None = None


def replay(wanted: Replayable, bar: Bar, *, dry_run: bool) -> Replayed:
    """Send items or dead letters again, several at once.

    Args:
        wanted: what to send.
        bar: told how many there are and how many are done.
        dry_run: whether to send nothing.

    Returns:
        What was (or would be) sent, in order. A Ctrl-C or a storage that fails ends it early and is noted there.
    """
    done = Replayed()

    def send(key: Key) -> None:
        try:
            sent = wanted.send(key, dry_run=dry_run)
        except UnsendableError:
            done.unsendable.append(key)
            return
        if sent is not None:
            done.sent.append(sent)

    try:
        # All keys first: what is sent leaves the index that it is found by, and may come back to it.
        keys = list(dict.fromkeys(wanted.keys()))
        bar.total(len(keys))
        for start in range(0, len(keys), _PORTION):
            portion = keys[start : start + _PORTION]
            run_all(send, portion)
            bar.advance(len(portion))
            bar.counted(len(done.sent))
    except (KeyboardInterrupt, AzureError) as error:
        done.fault = error
    done.sent.sort(key=lambda one: list(one.values()))
    done.unsendable.sort()
    return done


class ItemsToReplay:
    """Items, each to be sent with the message that it came from and a fresh retry window.

    Args:
        wanted: which items; their states must be given.
        app: the clients.
    """

    unit: str = "items"

    def __init__(self, wanted: ItemFilter, app: Clients) -> None:
        self._wanted = wanted
        self._app = app
        self._born: dict[str, datetime | None] = {}

    def keys(self) -> Iterable[Key]:
        """Find collection and id of each; see Replayable."""
        keys = list(find_keys(self._wanted, self._app))
        self._born = {name: collection_born(self._app.status.get_collection(name)) for name, _ in set(keys)}
        return keys

    def send(self, key: Key, *, dry_run: bool) -> dict[str, str] | None:
        """Send one again; see Replayable."""
        collection, item_id = key
        entity = self._app.status.read(collection, ITEM_PREFIX + item_id)
        if entity is None or not is_current(entity, self._born[collection]) or not self._wanted.takes(entity):
            return None
        row = item_row(entity)
        if not row.message:
            raise UnsendableError
        if not dry_run:
            send_again(row, self._app, fresh_window=True)
        return {"collection": collection, "id": item_id, "error_code": row.error_code or ""}


class DeadLettersToReplay:
    """Dead letters, each to be sent to its queue and forgotten; one that is bad still becomes a dead letter anew.

    Args:
        wanted: which dead letters.
        app: the clients.
    """

    unit: str = "dead letters"

    def __init__(self, wanted: LetterFilter, app: Clients) -> None:
        self._wanted = wanted
        self._app = app

    def keys(self) -> Iterable[Key]:
        """Find queue and key of each, without its body; see Replayable."""
        return ((str(row["PartitionKey"]), str(row["RowKey"])) for row in find_letters(self._wanted, self._app))

    def send(self, key: Key, *, dry_run: bool) -> dict[str, str] | None:
        """Send one again; see Replayable."""
        row = self._app.deadletters.get(*key)
        if row is None:
            return None
        fields = _message_of(row)
        if not dry_run:
            self._app.queues.send(key[0], fields)
            self._app.deadletters.forget(row)
        return {"queue": key[0], "key": key[1], "error_code": str(row.get("error_code") or "")}


def _message_of(row: Mapping[str, Any]) -> dict[str, Any]:
    # What is sent to a queue that the app does not read, such as one of an earlier version, would be lost.
    if row["PartitionKey"] not in WORK_QUEUES:
        raise UnsendableError
    try:
        fields = read_object(decode_body(body_of(row)))
    except BadMessage:
        raise UnsendableError from None
    fields.pop("retry_since", None)  # its retry window starts anew, or the next passing fault would reject it again
    return fields
