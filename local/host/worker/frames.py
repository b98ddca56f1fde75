"""Framed messages between the host and its worker: a JSON header with an optional body of raw bytes."""

import json
import struct
import threading
from dataclasses import dataclass, field
from typing import IO, Any

_LENGTHS = struct.Struct(">II")


@dataclass(frozen=True)
class Frame:
    """One message.

    Attributes:
        header: What it says, as JSON values; `type` names its kind.
        body: Bytes that would be wasteful in JSON, such as a message's body.
    """

    header: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


class FrameStream:
    """Both directions of a pair of pipes; any thread may write, one thread reads."""

    def __init__(self, source: IO[bytes], target: IO[bytes]) -> None:
        self._source = source
        self._target = target
        self._write_lock = threading.Lock()

    def write(self, frame: Frame) -> None:
        """Send one frame.

        Raises:
            OSError: The other end has gone.
        """
        header = json.dumps(frame.header).encode()
        with self._write_lock:
            self._target.write(_LENGTHS.pack(len(header), len(frame.body)) + header + frame.body)
            self._target.flush()

    def read(self) -> Frame | None:
        """Wait for the next frame; None when the other end has closed its pipe."""
        lengths = self._source.read(_LENGTHS.size)
        if len(lengths) < _LENGTHS.size:
            return None
        header_length, body_length = _LENGTHS.unpack(lengths)
        content = self._source.read(header_length + body_length)
        if len(content) < header_length + body_length:
            return None
        return Frame(json.loads(content[:header_length]), content[header_length:])
