"""Reads INGESTION_SOURCES: a JSON list of sources, or the URL of a blob that holds one."""

from dataclasses import dataclass

from shared.basics.errors import IngestionError
from shared.basics.json_codec import read_json
from shared.basics.redact import redact
from shared.clients import Clients
from shared.sources.specs import SourceSpec, parse_source

_MAX_BYTES = 1024 * 1024
# A column of a table holds 64 KiB; whoever mended this many entries sees the rest next time.
_MAX_FAULTS = 20


@dataclass(frozen=True)
class SourceList:
    """What a list of sources says.

    Attributes:
        specs: the sources that are right, each container once.
        faults: what is wrong, a sentence for each faulty entry.
    """

    specs: list[SourceSpec]
    faults: list[str]


def listed_sources(app: Clients) -> SourceList:
    """Reads the sources that INGESTION_SOURCES names; what cannot be read is told as a fault, not raised."""
    text = app.settings.ingestion_sources.strip()
    if not text.startswith(("https://", "http://")):
        return parse_sources(text)
    try:
        content = app.hrefs.read_own(text, limit=_MAX_BYTES).decode("utf-8-sig")
    except IngestionError as error:
        return SourceList([], [f"The list at its URL was not read: {error.message}"])
    except UnicodeDecodeError:
        return SourceList([], ["The blob that it names is not UTF-8 text."])
    return parse_sources(content)


def parse_sources(text: str) -> SourceList:
    """Reads a JSON list of sources; a faulty entry does not touch the others.

    Args:
        text: such as `[{"container_url": "https://ours.blob.core.windows.net/cogs", "sas": {"user_delegation": {}}}]`.
    """
    try:
        entries = read_json(text)
    except ValueError as error:
        return SourceList([], [f"It is neither a JSON list nor the URL of a blob that holds one: {error}."])
    if not isinstance(entries, list):
        return SourceList([], ["It must be a JSON list of sources, such as []."])
    specs: dict[str, SourceSpec] = {}
    faults: list[str] = []
    for number, entry in enumerate(entries, 1):
        try:
            spec = parse_source(entry)
        except ValueError as error:
            faults.append(f"Entry {number}{_container_of(entry)}: {_ended(str(error))}")
            continue
        if spec.container_url in specs:
            faults.append(f"Entry {number}: container {spec.container_url} is there twice; the first is used.")
        specs.setdefault(spec.container_url, spec)
    return SourceList(list(specs.values()), [redact(fault) for fault in faults[:_MAX_FAULTS]])


def _container_of(entry: object) -> str:
    url = entry.get("container_url") if isinstance(entry, dict) else None
    return f" ({redact(url)[:200]})" if isinstance(url, str) and url else ""


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(("?", ".")) else f"{sentence}."
