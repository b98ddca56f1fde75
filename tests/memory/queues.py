"""The queue service of an account in memory.

Source of its rules: learn.microsoft.com/rest/api/storageservices/queue-service-rest-api and, for the form of answers,
what Azurite 3.37 answers to the SDK.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.memory.wire import Answer, Call, RefusedError, http_date, refused_in_xml

# Limits of the service (learn.microsoft.com/rest/api/storageservices/put-message and …/get-messages).
_MAX_TEXT = 64 * 1024
_MAX_VISIBILITY = timedelta(days=7)
_USUAL_LIFE = timedelta(days=7)
_USUAL_VISIBILITY = timedelta(seconds=30)
_MOST_AT_ONCE = 32
_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass
class _Message:
    """A message with what the service keeps of it."""

    text: str
    inserted: datetime
    expires: datetime
    visible: datetime
    order: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    receipt: str = field(default_factory=lambda: uuid.uuid4().hex)
    dequeue_count: int = 0


class QueueService:
    """Queues with their messages.

    Args:
        now: tells the present moment.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._queues: dict[str, list[_Message]] = {}
        self._orders = count()

    def answer(self, call: Call) -> Answer:
        """Answer one request."""
        try:
            return self._answer(call)
        except RefusedError as refused:
            return refused_in_xml(refused)

    def _answer(self, call: Call) -> Answer:
        name, _, rest = call.path.partition("/")
        if not name:
            return _listed("Queues", (f"<Queue><Name>{queue}</Name></Queue>" for queue in sorted(self._queues)))
        if not rest and call.method == "PUT" and "comp" not in call.query:
            is_new = name not in self._queues
            self._queues.setdefault(name, [])
            return Answer(201 if is_new else 204)
        messages = self._alive(name)
        if not rest:
            return self._whole_queue(name, call, messages)
        if rest != "messages":
            return self._one_message(messages, rest.removeprefix("messages/"), call)
        if call.method == "POST":
            return self._send(messages, call)
        if call.method == "DELETE":
            messages.clear()
            return Answer(204)
        return self._receive(messages, call)

    def _alive(self, name: str) -> list[_Message]:
        if name not in self._queues:
            raise RefusedError(404, "QueueNotFound")
        messages = self._queues[name]
        now = self._now()
        messages[:] = [message for message in messages if message.expires > now]
        return messages

    def _whole_queue(self, name: str, call: Call, messages: list[_Message]) -> Answer:
        if call.method == "DELETE":
            del self._queues[name]
            return Answer(204)
        return Answer(200, {"x-ms-approximate-messages-count": str(len(messages))})

    def _send(self, messages: list[_Message], call: Call) -> Answer:
        text = _text_of(call.body)
        delay = _seconds(call, "visibilitytimeout", timedelta(0), least=0)
        life = timedelta(seconds=int(call.query.get("messagettl", _USUAL_LIFE.total_seconds())))
        lives_forever = life == timedelta(seconds=-1)
        if not lives_forever and life <= delay:
            raise RefusedError(400, "InvalidQueryParameterValue")
        now = self._now()
        expires = _NEVER if lives_forever else now + life
        message = _Message(text, now, expires, now + delay, next(self._orders))
        messages.append(message)
        return _messages(201, [_xml(message, receipt=True, content=False)])

    def _receive(self, messages: list[_Message], call: Call) -> Answer:
        most = int(call.query.get("numofmessages", "1"))
        if not 1 <= most <= _MOST_AT_ONCE:
            raise RefusedError(400, "OutOfRangeQueryParameterValue")
        now = self._now()
        due = sorted((one for one in messages if one.visible <= now), key=lambda one: (one.visible, one.order))[:most]
        if call.query.get("peekonly") == "true":
            return _messages(200, [_xml(message, receipt=False, content=True) for message in due])
        hidden = _seconds(call, "visibilitytimeout", _USUAL_VISIBILITY, least=1)
        for message in due:
            message.visible = now + hidden
            message.receipt = uuid.uuid4().hex
            message.dequeue_count += 1
        return _messages(200, [_xml(message, receipt=True, content=True) for message in due])

    def _one_message(self, messages: list[_Message], message_id: str, call: Call) -> Answer:
        message = next((one for one in messages if one.id == message_id), None)
        if message is None:
            raise RefusedError(404, "MessageNotFound")
        if message.receipt != call.query.get("popreceipt"):
            raise RefusedError(400, "PopReceiptMismatch")
        if call.method == "DELETE":
            messages.remove(message)
            return Answer(204)
        message.visible = self._now() + _seconds(call, "visibilitytimeout", timedelta(0), least=0)
        message.receipt = uuid.uuid4().hex
        if call.body:
            message.text = _text_of(call.body)
        headers = {"x-ms-popreceipt": message.receipt, "x-ms-time-next-visible": http_date(message.visible)}
        return Answer(204, headers)


def _text_of(body: bytes) -> str:
    text = ET.fromstring(body).findtext("MessageText") or ""  # noqa: S314 - written by the SDK
    if len(text.encode()) > _MAX_TEXT:
        raise RefusedError(413, "RequestBodyTooLarge")
    return text


def _seconds(call: Call, name: str, usual: timedelta, *, least: int) -> timedelta:
    if name not in call.query:
        return usual
    duration = timedelta(seconds=int(call.query[name]))
    if not timedelta(seconds=least) <= duration <= _MAX_VISIBILITY:
        raise RefusedError(400, "OutOfRangeQueryParameterValue")
    return duration


def _xml(message: _Message, *, receipt: bool, content: bool) -> str:
    fields = {
        "MessageId": message.id,
        "InsertionTime": http_date(message.inserted),
        "ExpirationTime": http_date(message.expires),
    }
    if receipt:
        fields |= {"PopReceipt": message.receipt, "TimeNextVisible": http_date(message.visible)}
    if content:
        fields |= {"DequeueCount": str(message.dequeue_count), "MessageText": escape(message.text)}
    return "<QueueMessage>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</QueueMessage>"


def _messages(status: int, messages: Iterable[str]) -> Answer:
    body = f"<?xml version='1.0' encoding='utf-8'?><QueueMessagesList>{''.join(messages)}</QueueMessagesList>"
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())


def _listed(what: str, entries: Iterable[str]) -> Answer:
    body = f"<?xml version='1.0' encoding='utf-8'?><EnumerationResults><{what}>{''.join(entries)}</{what}>"
    return Answer(200, {"Content-Type": "application/xml"}, f"{body}<NextMarker/></EnumerationResults>".encode())
