"""What a function receives from the host: the trigger's data and metadata, as Azure's host sends them."""

import json
from datetime import datetime

from azure.storage.queue import QueueMessage

from local.host.functions import DataType, Function
from local.host.timers.status import TimerStatus
from local.host.worker.invocation import Invocation, Metadata


def queue_invocation(
    function: Function, data_type: DataType, message: QueueMessage, body: bytes, *, queue_name: str
) -> Invocation:
    """The invocation of a queue-triggered function.

    Args:
        function: The function.
        data_type: How the function gets the body.
        message: The received message.
        body: The message's decoded body.
        queue_name: The queue it was on, for the log.
    """
    metadata: Metadata = {
        "Id": ("string", message.id),
        "PopReceipt": ("string", str(message.pop_receipt)),
        "DequeueCount": ("json", json.dumps(message.dequeue_count)),
        "InsertionTime": ("json", _json_time(message.inserted_on)),
        "ExpirationTime": ("json", _json_time(message.expires_on)),
        "NextVisibleTime": ("json", _json_time(message.next_visible_on)),
    }
    reason = (
        f"New queue message detected on '{queue_name}'. MessageId={message.id}, DequeueCount={message.dequeue_count}"
    )
    if data_type is DataType.BINARY:
        metadata["QueueTrigger"] = ("string", body.decode(errors="replace"))
        return Invocation(function, "bytes", body, metadata, reason)
    # Bytes that are no UTF-8 fail here, at each delivery, before the function is called.
    text = body.decode()
    metadata["QueueTrigger"] = ("string", text)
    apply_body_members(metadata, text)
    return Invocation(function, "string", text.encode(), metadata, reason)


def timer_invocation(function: Function, status: TimerStatus | None, *, past_due: bool, reason: str) -> Invocation:
    """The invocation of a timer-triggered function.

    Args:
        function: The function.
        status: When it ran last and is due; None if no record is kept.
        past_due: Whether the run makes up for a missed one.
        reason: Why it runs, for the log.
    """
    document = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": status.document() if status else None,
        "IsPastDue": past_due,
    }
    return Invocation(function, "json", json.dumps(document).encode(), {}, reason)


def apply_body_members(metadata: Metadata, text: str) -> None:
    """Put the members of a JSON object over the trigger's metadata, as Azure's host does.

    A member whose name equals that of a metadata value, in whatever case, replaces it: with `{"id": "x"}` as the body
    the function's message has the id `x`. Arrays and nulls are left out.

    Args:
        metadata: The trigger's metadata, changed in place.
        text: The trigger's data.
    """
    if not text.lstrip().startswith("{"):
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    known = {name.casefold(): name for name in metadata}
    for name, value in document.items():
        if value is None or isinstance(value, list):
            continue
        key = known.setdefault(name.casefold(), name)
        metadata[key] = ("json", json.dumps(value)) if isinstance(value, dict) else ("string", _text(value))


def _text(value: object) -> str:
    # .NET writes booleans with a capital letter, as Python does.
    return value if isinstance(value, str) else str(value)


def _json_time(moment: datetime | None) -> str:
    return json.dumps(moment.isoformat() if moment else None)
