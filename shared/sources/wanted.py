"""Which ingestion sources are wanted: those of INGESTION_SOURCES, and those that were added or came with a collection.

The row of a source keeps both wishes: `spec` of whoever added it, `listed_spec` of the setting as it was last read. So
a list that cannot be read, or an entry that has become faulty, does not let a source lapse.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.basics.errors import ErrorCode
from shared.basics.json_codec import write_json
from shared.clients import Clients
from shared.records.source_store import SourceStore, source_key
from shared.sources.source_list import SourceList, listed_sources
from shared.sources.specs import SourceSpec, parse_source_json

log = logging.getLogger(__name__)


@dataclass
class WantedSources:
    """What is wanted.

    Attributes:
        specs: the sources to keep alive, by row key.
        faults: what is wrong with INGESTION_SOURCES, a sentence each.
    """

    specs: dict[str, SourceSpec] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def want_source(spec: SourceSpec, sources: SourceStore) -> None:
    """Adds a source to those that are kept alive, without a deployment."""
    sources.merge(source_key(spec.url), {"container_url": spec.container_url, "spec": _text(spec)})


def wanted_sources(app: Clients) -> WantedSources:
    """Finds out which sources are wanted, and forgets those that no longer are.

    Raises:
        azure.core.exceptions.AzureError: the table could not be read or written.
    """
    listed = listed_sources(app)
    rows = {str(row["RowKey"]): row for row in app.sources.rows()}
    _keep_in_step(listed, rows, app.sources)
    wanted = WantedSources({source_key(spec.url): spec for spec in listed.specs}, listed.faults)
    for key, row in rows.items():
        if key in wanted.specs:
            continue
        text = row.get("spec")
        if listed.faults:  # what the list said when it was last right still holds
            text = row.get("listed_spec") or text
        if text:
            spec = _spec_of(row, str(text), app.sources)
            if spec:
                wanted.specs[key] = spec
        elif not listed.faults and app.sources.delete_unchanged(row):
            log.info("Container %s is no longer wanted, so its source is left to itself", row.get("container_url"))
    return wanted


def _spec_of(row: Mapping[str, Any], text: str, sources: SourceStore) -> SourceSpec | None:
    try:
        return parse_source_json(text)
    except ValueError as error:
        message = f"Its row of table sources holds no source ({error}); add it again with geocatalog sources add."
    log.warning("Ingestion source %s: %s %s", row.get("container_url"), ErrorCode.SETTINGS, message)
    sources.update(str(row["RowKey"]), {"error_code": str(ErrorCode.SETTINGS), "error_message": message})
    return None


def _keep_in_step(listed: SourceList, rows: Mapping[str, Mapping[str, Any]], sources: SourceStore) -> None:
    """Writes what the list says into the rows of its sources, where that has changed."""
    texts = {source_key(spec.url): (spec.container_url, _text(spec)) for spec in listed.specs}
    for key, (container_url, text) in texts.items():
        if rows.get(key, {}).get("listed_spec") != text:
            sources.merge(key, {"container_url": container_url, "listed_spec": text})
    if listed.faults:
        return
    for key, row in rows.items():
        if key not in texts and row.get("listed_spec") and row.get("spec"):
            sources.update(key, {"listed_spec": ""})


def _text(spec: SourceSpec) -> str:
    return write_json(spec.model_dump(mode="json", exclude_none=True)).decode()
