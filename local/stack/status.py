"""What `geocatalog local status` reads: where each part of a running stack is, and how often it was restarted."""

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

_FILE = "parts.json"
_ANSWER_SECONDS = 2.0


@dataclass(frozen=True)
class PartStatus:
    """One part.

    Attributes:
        name: what people call it.
        url: where it answers.
        restarts: how often it was started again.
        last_reason: why it ended the last time; None if it never did.
    """

    name: str
    url: str
    restarts: int
    last_reason: str | None

    def is_up(self) -> bool:
        """Whether something listens at the part's address."""
        parts = urlsplit(self.url)
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_ANSWER_SECONDS):
                return True
        except OSError:
            return False


def write_status(state: Path, parts: list[PartStatus]) -> None:
    """Write the file of a stack's folder, put in place whole."""
    partial = state / f"{_FILE}.partial"
    partial.write_text(json.dumps([asdict(part) for part in parts]), encoding="utf-8")
    partial.replace(state / _FILE)


def read_status(state: Path) -> list[PartStatus]:
    """Return the parts of a stack that is ready; none while it starts."""
    try:
        text = (state / _FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [PartStatus(**document) for document in json.loads(text)]


def remove_status(state: Path) -> None:
    """Remove the file when the stack stops."""
    (state / _FILE).unlink(missing_ok=True)
