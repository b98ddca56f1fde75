"""The blob service of an account in memory: block blobs that are written and read whole or in part.

Source of its rules: learn.microsoft.com/rest/api/storageservices/blob-service-rest-api and, for the form of answers,
what Azurite 3.37 answers to the SDK.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from xml.sax.saxutils import escape

from tests.memory.wire import Answer, Call, RefusedError, http_date, refused_in_xml


@dataclass(frozen=True)
class _Blob:
    """One version of a blob."""

    content: bytes
    content_type: str
    etag: str
    written: datetime


_Container = dict[str, _Blob]


class BlobService:
    """Containers with their blobs.

    Args:
        now: tells the present moment.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._containers: dict[str, _Container] = {}
        self._versions = count(1)

    def answer(self, call: Call) -> Answer:
        """Answer one request."""
        try:
            return self._answer(call)
        except RefusedError as refused:
            return refused_in_xml(refused)

    def _answer(self, call: Call) -> Answer:
        name, _, blob = call.path.partition("/")
        if call.query.get("restype") == "container":
            return self._whole_container(name, call)
        if "comp" in call.query:
            raise RefusedError(501, "NotImplemented")  # nothing that tests run in memory sends blocks, copies or tags
        container = self._container(name)
        if call.method == "PUT":
            return self._write(container, blob, call)
        found = container.get(blob)
        if found is None:
            raise RefusedError(404, "BlobNotFound")
        if call.headers.get("if-match", found.etag) not in {"*", found.etag}:
            raise RefusedError(412, "ConditionNotMet")
        if call.method == "DELETE":
            del container[blob]
            return Answer(202)
        return _read(found, call)

    def _container(self, name: str) -> _Container:
        if name not in self._containers:
            raise RefusedError(404, "ContainerNotFound")
        return self._containers[name]

    def _whole_container(self, name: str, call: Call) -> Answer:
        if call.method == "PUT":
            if name in self._containers:
                raise RefusedError(409, "ContainerAlreadyExists")
            self._containers[name] = {}
            return Answer(201, self._version())
        container = self._container(name)
        if call.method == "DELETE":
            del self._containers[name]
            return Answer(202)
        if call.query.get("comp") == "list":
            return _list(container, call.query.get("prefix", ""))
        return Answer(200, self._version())

    def _write(self, container: _Container, name: str, call: Call) -> Answer:
        known = container.get(name)
        if call.headers.get("if-none-match") == "*" and known:
            raise RefusedError(409, "BlobAlreadyExists")
        condition = call.headers.get("if-match")
        if condition and (known is None or condition not in {"*", known.etag}):
            raise RefusedError(412, "ConditionNotMet")
        version = self._version()
        kind = call.headers.get("x-ms-blob-content-type", "application/octet-stream")
        container[name] = _Blob(call.body, kind, version["etag"], self._now())
        return Answer(201, version)

    def _version(self) -> dict[str, str]:
        return {"etag": f'"0x{next(self._versions):016X}"', "last-modified": http_date(self._now())}


def _read(blob: _Blob, call: Call) -> Answer:
    headers = {
        "etag": blob.etag,
        "last-modified": http_date(blob.written),
        "Content-Type": blob.content_type,
        "x-ms-blob-type": "BlockBlob",
        "accept-ranges": "bytes",
    }
    size = len(blob.content)
    asked = call.headers.get("x-ms-range") or call.headers.get("range")
    if call.method == "HEAD" or not asked:
        return Answer(200, {**headers, "content-length": str(size)}, blob.content)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    # Azurite answers a range that begins right after the last byte with no bytes; Azure refuses that one as well.
    if int(first) >= size:
        raise RefusedError(416, "InvalidRange")
    content = blob.content[int(first) : int(last) + 1 if last else size]
    headers["content-range"] = f"bytes {first}-{int(first) + len(content) - 1}/{size}"
    return Answer(206, {**headers, "content-length": str(len(content))}, content)


def _list(container: _Container, prefix: str) -> Answer:
    entries = "".join(
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{http_date(blob.written)}</Last-Modified>"
        f"<Etag>{escape(blob.etag)}</Etag><Content-Length>{len(blob.content)}</Content-Length>"
        f"<Content-Type>{escape(blob.content_type)}</Content-Type><BlobType>BlockBlob</BlobType></Properties></Blob>"
        for name, blob in sorted(container.items())
        if name.startswith(prefix)
    )
    body = f"<?xml version='1.0' encoding='utf-8'?><EnumerationResults><Blobs>{entries}</Blobs><NextMarker/>"
    return Answer(200, {"Content-Type": "application/xml"}, f"{body}</EnumerationResults>".encode())
