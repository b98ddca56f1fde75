"""`geocatalog replay` and `resume`: sends failed, canceled or held items, and dead letters, once more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError

from cli.output.printing import Bar
from cli.rows.items import ItemFilter, find_keys
from cli.rows.letters import LetterFilter, find_letters
from shared.basics.errors import BadMessage
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.items.resume import send_again
from shared.messages.decoding import decode_body, read_object
from shared.messages.models import WORK_QUEUES
from shared.records.collection_rows import collection_born, is_current
from shared.records.deadletters import body_of
from shared.records.status_rows import ITEM_PREFIX, item_row

# So many items are taken at once: enough for all threads, few enough that the bar moves.
_PORTION = 200


@dataclass
class Replayed:
    """What became of items that were to be sent again.

    Attributes:
        sent: collection, id and error code of each that was (or would be) sent.
        without_message: collection and id of those whose row keeps no message to send.
        fault: what ended it early.
    """

    sent: list[dict[str, str]] = field(default_factory=list)
    without_message: list[str] = field(default_factory=list)
    fault: BaseException | None = None


def replay_items(wanted: ItemFilter, app: Clients, bar: Bar, *, dry_run: bool) -> Replayed:
    """Sends items again, each with the message it came from and a fresh retry window.

    Args:
        wanted: which items; their states must be given.
        app: the clients.
        bar: told how it goes on.
        dry_run: whether to send nothing.

    Returns:
        What was (or would be) sent. A Ctrl-C or a storage that fails ends it early and is noted there.
    """
    done = Replayed()
    try:
        # All of them first: those that are sent leave the index they are found by, and may come back to it.
        keys = list(dict.fromkeys(find_keys(wanted, app)))
        collections = {collection for collection, _ in keys}
        born = {name: collection_born(app.status.get_collection(name)) for name in collections}
        _send_all(keys, lambda key: _replay(key, born[key[0]], wanted, app, done, dry_run=dry_run), done, bar)
    except (KeyboardInterrupt, AzureError) as error:
        done.fault = error
    done.sent.sort(key=lambda item: (item["collection"], item["id"]))
    done.without_message.sort()
    return done


def _replay(
    key: tuple[str, str], born: datetime | None, wanted: ItemFilter, app: Clients, done: Replayed, *, dry_run: bool
) -> None:
    collection, item_id = key
    entity = app.status.read(collection, ITEM_PREFIX + item_id)
    if entity is None or not is_current(entity, born) or not wanted.takes(entity):
        return
    row = item_row(entity)
    if not row.message:
        done.without_message.append(f"{collection}/{item_id}")
        return
    if not dry_run:
        send_again(row, app, fresh_window=True)
    done.sent.append({"collection": collection, "id": item_id, "error_code": row.error_code or ""})


@dataclass
class ReplayedLetters:
    """What became of dead letters that were to be sent again.

    Attributes:
        sent: queue, key and error code of each that was (or would be) sent.
        unsendable: the keys of those that cannot be sent again.
        fault: what ended it early.
    """

    sent: list[dict[str, str]] = field(default_factory=list)
    unsendable: list[str] = field(default_factory=list)
    fault: BaseException | None = None


def replay_deadletters(wanted: LetterFilter, app: Clients, bar: Bar, *, dry_run: bool) -> ReplayedLetters:
    """Sends dead letters to their queues again and forgets them; one that is bad still becomes a dead letter anew.

    Args:
        wanted: which dead letters.
        app: the clients.
        bar: told how it goes on.
        dry_run: whether to send nothing.

    Returns:
        What was (or would be) sent. A Ctrl-C or a storage that fails ends it early and is noted there.
    """
    done = ReplayedLetters()
    try:
        # All of them first: those that are bad still come back among them. Without their bodies, which may be many.
        keys = [(str(row["PartitionKey"]), str(row["RowKey"])) for row in find_letters(wanted, app)]
        _send_all(keys, lambda key: _replay_letter(key, app, done, dry_run=dry_run), done, bar)
    except (KeyboardInterrupt, AzureError) as error:
        done.fault = error
    done.sent.sort(key=lambda letter: (letter["queue"], letter["key"]))
    done.unsendable.sort()
    return done


def _replay_letter(key: tuple[str, str], app: Clients, done: ReplayedLetters, *, dry_run: bool) -> None:
    row = app.deadletters.get(*key)
    if row is None:
        return
    message = _message_of(row)
    if message is None:
        done.unsendable.append(key[1])
        return
    target, fields = message
    if not dry_run:
        app.queues.send(target, fields)
        app.deadletters.forget(row)
    done.sent.append({"queue": target, "key": key[1], "error_code": str(row.get("error_code") or "")})


def _send_all(
    keys: list[tuple[str, str]], send: Callable[[tuple[str, str]], None], done: Replayed | ReplayedLetters, bar: Bar
) -> None:
    bar.total(len(keys))
    for start in range(0, len(keys), _PORTION):
        portion = keys[start : start + _PORTION]
        run_all(send, portion)
        bar.advance(len(portion))
        bar.counted(len(done.sent))


def _message_of(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    try:
        fields = read_object(decode_body(body_of(row)))
    except BadMessage:
        return None
    fields.pop("retry_since", None)  # its retry window starts anew, or the next passing fault would reject it again
    queue = str(row["PartitionKey"])
    # What is sent to a queue that the app does not read, such as one of an earlier version, would be lost.
    return (queue, fields) if queue in WORK_QUEUES else None
