"""`geocatalog apply`: sends configurations and waits until each is applied."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from cli.collections.files import ConfigurationFile
from cli.collections.sending import checked_message, send_configuration
from cli.follow.rejections import Rejections
from cli.output.faults import CommandError, ExitCode
from cli.output.waiting import wait_for
from shared.basics.errors import IngestionError
from shared.clients import Clients
from shared.messages.models import QueueName


@dataclass(frozen=True)
class Applied:
    """What became of one configuration.

    Attributes:
        collection: id of the collection.
        file: the file it was read from.
        outcome: `applied`, `refused`, `rejected`, `sent` (not waited for) or `waiting` (not done in time).
        parts: state and detail of each part.
        reason: why it was not applied.
    """

    collection: str
    file: str
    outcome: str
    parts: dict[str, dict[str, str]]
    reason: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do or to fix."""
        return self.outcome in {"applied", "sent"}


def check_configurations(files: list[ConfigurationFile], *, prune: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """Checks configurations before any is sent, and marks each message.

    Returns:
        Collection, file and message of each.

    Raises:
        CommandError: one of them is wrong; all faults are named.
    """
    faults: list[str] = []
    checked: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for file in files:
        fields = {**file.message, "correlation_id": file.message.get("correlation_id") or uuid.uuid4().hex}
        if prune:
            fields["prune"] = True
        try:
            collection, _ = checked_message(fields)
        except (IngestionError, CommandError) as error:
            faults.append(f"{file.path}: {error.message}")
            continue
        if collection in checked:
            faults.append(f"{file.path}: collection {collection} is configured by {checked[collection][1]} too.")
        checked[collection] = (collection, str(file.path), fields)
    if faults:
        raise CommandError("\n".join(faults), exit_code=ExitCode.FAILED)
    return list(checked.values())


def send_and_wait(
    messages: list[tuple[str, str, dict[str, Any]]], app: Clients, *, waits: bool, seconds: float
) -> list[Applied]:
    """Sends the messages, and waits until each collection's row tells what became of it.

    Args:
        messages: collection, file and message of each.
        app: the clients.
        waits: whether to wait.
        seconds: how long.

    Raises:
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    if not waits:
        _send(messages, app)
        return [Applied(collection, file, "sent", {}) for collection, file, _ in messages]
    # A file may fix its mark: what an earlier run left under the same one must not be taken for the outcome of this.
    rejected = Rejections(QueueName.COLLECTIONS, app)
    before = {collection: app.status.get_collection(collection).get("configured_at") for collection, _, _ in messages}
    _send(messages, app)
    done: dict[str, Applied] = {}

    def look() -> bool | None:
        open_ones = [message for message in messages if message[0] not in done]
        marks = [str(fields["correlation_id"]) for _, _, fields in open_ones]
        reasons = rejected.reasons(marks)
        for collection, file, fields in open_ones:
            mark = str(fields["correlation_id"])
            row = app.status.get_collection(collection)
            if row.get("correlation_id") == mark and row.get("configured_at") != before[collection]:
                done[collection] = _of_row(collection, file, dict(row))
            elif mark in reasons:
                done[collection] = Applied(collection, file, "rejected", {}, reasons[mark])
        return True if len(done) == len(messages) else None

    wait_for(look, what=", ".join(collection for collection, _, _ in messages), seconds=seconds)
    waiting = f"Not done within {seconds:.0f} s; it goes on by itself. Is the app running? See geocatalog status."
    return [
        done.get(collection) or Applied(collection, file, "waiting", {}, waiting) for collection, file, _ in messages
    ]


def _send(messages: list[tuple[str, str, dict[str, Any]]], app: Clients) -> None:
    for _, _, fields in messages:
        send_configuration(fields, app)


def _of_row(collection: str, file: str, row: dict[str, Any]) -> Applied:
    parts = json.loads(row.get("applied") or "{}")
    refused = row.get("error_message") or ""
    return Applied(collection, file, "refused" if refused else "applied", parts, str(refused))
