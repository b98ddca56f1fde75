"""What travels between Azure's clients and a service in memory: requests, answers and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        method: its HTTP method.
        path: its decoded path, without the slash at the start.
        query: its decoded parameters.
        headers: its headers, by names in lower case.
        body: its body.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What a service answers."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class RefusedError(Exception):
    """A service refuses a call.

    Attributes:
        status: the HTTP status.
        code: the service's error code.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = HTTPStatus(status)
        self.code = code


def read_call(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return a request with its URL taken apart."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    names = {name.lower(): value for name, value in headers.items()}
    return Call(method, unquote(parts.path).lstrip("/"), query, names, body)


def http_date(moment: datetime) -> str:
    """Return a moment as HTTP headers have it, in whole seconds."""
    return format_datetime(moment, usegmt=True)


def refused_in_xml(refused: RefusedError) -> Answer:
    """Return how queues and blobs answer a call that they refuse."""
    text = f"<Error><Code>{refused.code}</Code><Message>{refused.status.phrase}</Message></Error>"
    headers = {"x-ms-error-code": refused.code, "Content-Type": "application/xml"}
    return Answer(refused.status, headers, f"<?xml version='1.0' encoding='utf-8'?>{text}".encode())
