"""What Event Grid sends to the blob webhook, and what it is told."""

import json
from enum import StrEnum
from typing import Any, TypeAlias

from azure.storage.blob import BlobClient

Event: TypeAlias = dict[str, Any]


class EventType(StrEnum):
    """Values of the header `aeg-event-type`, in lower case."""

    SUBSCRIPTION_VALIDATION = "subscriptionvalidation"
    NOTIFICATION = "notification"
    UNSUBSCRIBE = "unsubscribe"


class BadEventError(ValueError):
    """The request's body is not what Event Grid sends; the message says why."""


def validation_response(document: Event | list[Event]) -> dict[str, str]:
    """The answer to the handshake with which Event Grid checks a new subscription's endpoint.

    Args:
        document: The request's JSON: a list with one event, or one CloudEvent whose data is JSON text.

    Raises:
        BadEventError: It holds no validation code.
    """
    try:
        if isinstance(document, list):
            code = document[0]["data"]["validationCode"]
        else:
            data = document["data"]
            code = (json.loads(data) if isinstance(data, str) else data)["validationCode"]
    except (LookupError, TypeError, ValueError):
        raise BadEventError("The handshake holds no validationCode.") from None
    return {"validationResponse": str(code)}


def blob_messages(document: Event | list[Event], function_id: str) -> list[dict[str, str]]:
    """The messages for the host's internal queue, one for each event.

    Args:
        document: The request's JSON: one event or a list of them, in the Event Grid or the CloudEvents schema.
        function_id: The function that the webhook was called for, such as `Host.Functions.receive_blob`.

    Raises:
        BadEventError: An event is not about a blob.
    """
    events = document if isinstance(document, list) else [document]
    return [_blob_message(event, function_id) for event in events]


def _blob_message(event: Event, function_id: str) -> dict[str, str]:
    try:
        data = event["data"]
        blob = BlobClient.from_blob_url(data["url"])
        return {
            "Type": "BlobTrigger",
            "FunctionId": function_id,
            "BlobType": str(data["blobType"]),
            "ContainerName": blob.container_name,
            "BlobName": blob.blob_name,
            "ETag": f'"{data["eTag"]}"',
        }
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadEventError(f"An event is not about a blob ({error!r}).") from None
