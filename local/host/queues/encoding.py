"""The encoding of queue messages that host.json asks for."""

import base64
import binascii

from local.host.configuration.host_json import MessageEncoding


class UndecodableMessageError(ValueError):
    """A message's text is not base64 though host.json says that it is."""


def decode(text: str, encoding: MessageEncoding) -> bytes:
    """The body of a message.

    Args:
        text: The message's text as it is on the queue.
        encoding: `extensions.queues.messageEncoding`.

    Raises:
        UndecodableMessageError: The text is not base64.
    """
    if encoding is MessageEncoding.NONE:
        return text.encode()
    try:
        # .NET's decoder skips white space and refuses everything else that is not base64.
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UndecodableMessageError(str(error)) from None


def encode(body: bytes, encoding: MessageEncoding) -> str:
    """The text to put on a queue for a body."""
    return body.decode() if encoding is MessageEncoding.NONE else base64.b64encode(body).decode()
