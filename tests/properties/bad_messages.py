"""Reads the malformed messages of tests/data/bad_messages: how each body is made, and what is expected of it."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.data.documents import item

_FOLDER = Path(__file__).parents[1] / "data" / "bad_messages"
_REMOVED = "~remove"
_OURS = "https://ours.blob.core.windows.net/cogs"


@dataclass(frozen=True)
class BadMessage:
    """One malformed message.

    Attributes:
        name: what is wrong with it.
        queue: the queue it is sent to.
        body: its bytes; where `is_file`, those of a file that the message names.
        is_file: whether the body is put into container `incoming` and the message names it by href.
        outcome: `dead letter` or `failed`.
        code: the error code expected.
        says: a part of the sentence expected.
    """

    name: str
    queue: str
    body: bytes
    is_file: bool
    outcome: str
    code: str
    says: str


def read_bad_messages() -> Iterator[BadMessage]:
    """Yield every malformed message of the files."""
    for path in sorted(_FOLDER.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            yield BadMessage(
                name=f"{path.stem}: {entry['name']}",
                queue=entry["queue"],
                body=_body(entry),
                is_file=entry.get("file", False),
                outcome=entry["outcome"],
                code=entry["code"],
                says=entry["says"],
            )


def _body(entry: dict[str, Any]) -> bytes:
    if "base64" in entry:
        return base64.b64decode(entry["base64"])
    if "text" in entry:
        text = str(entry["text"])
    elif "message" in entry:
        text = json.dumps(entry["message"])
    else:
        text = json.dumps(_item_message(entry))
    return text.replace("*", entry["repeat"] * entry["times"]).encode() if "repeat" in entry else text.encode()


def _item_message(entry: dict[str, Any]) -> dict[str, Any]:
    changed = {name: value for name, value in item(**entry["item"]).items() if value != _REMOVED}
    if "assets" in entry:
        changed["assets"] = {f"a{number}": {"href": f"{_OURS}/{number}.tif"} for number in range(entry["assets"])}
    if "size" in entry:
        changed["properties"]["text"] = ""
        missing = entry["size"] - len(json.dumps(changed, separators=(",", ":")))
        changed["properties"]["text"] = "x" * missing
    return {"item": changed, **entry["fields"]} if "fields" in entry else changed
