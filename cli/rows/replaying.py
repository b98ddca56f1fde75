"""`geocatalog replay` and `resume`: sends failed, canceled or held items, and dead letters, once more."""

from collections.abc import Mapping
from typing import Any

from cli.rows.items import ItemFilter, find_items, item_id_of
from cli.rows.letters import LetterFilter, find_letters
from shared.clients import Clients
from shared.deadletters import body_of
from shared.errors import BadMessage
from shared.messages import QueueName, decode_body, read_object
from shared.poison import BLOB_POISON_QUEUE
from shared.resume import send_again


def replay_items(wanted: ItemFilter, app: Clients, *, dry_run: bool) -> tuple[list[dict[str, str]], list[str]]:
    """Sends items again, each with the message it came from and a fresh retry window.

    Args:
        wanted: which items; their states must be given.
        app: the clients.
        dry_run: whether to send nothing.

    Returns:
        What was (or would be) sent, and the ids of items whose row keeps no message to send.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    sent: list[dict[str, str]] = []
    without_message: list[str] = []
    for entity in list(find_items(wanted, app)):
        collection, item_id = str(entity["PartitionKey"]), item_id_of(entity)
        row = app.status.get(collection, item_id)
        if row is None or row.status.value not in wanted.states:
            continue
        if not row.message:
            without_message.append(f"{collection}/{item_id}")
            continue
        if not dry_run:
            send_again(row, app, fresh_window=True)
        sent.append({"collection": collection, "id": item_id, "error_code": row.error_code or ""})
    return sent, without_message


def replay_deadletters(wanted: LetterFilter, app: Clients, *, dry_run: bool) -> tuple[list[dict[str, str]], list[str]]:
    """Sends dead letters to their queues again and forgets them; one that is bad still becomes a dead letter anew.

    Args:
        wanted: which dead letters.
        app: the clients.
        dry_run: whether to send nothing.

    Returns:
        What was (or would be) sent, and the keys of those that cannot be sent again.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    sent: list[dict[str, str]] = []
    unsendable: list[str] = []
    for row in list(find_letters(wanted, app)):
        message = _message_of(row, app)
        if message is None:
            unsendable.append(str(row["RowKey"]))
            continue
        target, fields = message
        if not dry_run:
            app.queues.send(target, fields)
            app.deadletters.forget(row)
        sent.append({"queue": target, "key": str(row["RowKey"]), "error_code": str(row.get("error_code") or "")})
    return sent, unsendable


def _message_of(row: Mapping[str, Any], app: Clients) -> tuple[str, dict[str, Any]] | None:
    try:
        fields = read_object(decode_body(body_of(row)))
    except BadMessage:
        return None
    fields.pop("retry_since", None)  # its retry window starts anew, or the next passing fault would reject it again
    if row["PartitionKey"] != BLOB_POISON_QUEUE:
        return str(row["PartitionKey"]), fields
    container, name = fields.get("ContainerName"), fields.get("BlobName")
    if not container or not name:
        return None
    return QueueName.ITEMS.value, {"href": app.storage.blobs.get_blob_client(str(container), str(name)).url}
