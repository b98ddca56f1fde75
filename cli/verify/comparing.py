"""Compares the rows of collections with GeoCatalog and with a source, and confirms each difference."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cli.follow.counts import current_items
from cli.follow.item_rows import item_id_of
from cli.output.printing import Bar
from cli.verify.catalog import Progress, Stored, items_by_id, pages_of
from cli.verify.findings import Findings, Scope
from cli.verify.rules import COLUMNS, DIFFERENCES, KnownRow, Verdict, against_catalog, against_source, verdict_of_row
from cli.verify.source import Source, SourceItem, read_source
from cli.verify.stage import Stage
from shared.basics.parallel import run_all
from shared.clients import Clients
from shared.items.stored import stored_moment
from shared.records.status_rows import ITEM_PREFIX, ItemStatus

# Items that are confirmed at once: enough for all threads.
_PORTION = 200


@dataclass(frozen=True)
class Comparison:
    """One comparison.

    Attributes:
        app: the clients.
        scope: what is compared.
        start: when it began; rows that were closed later are on their way.
        progress: where pages that were read are kept.
        found: what it found so far.
        bar: told how it continues.
    """

    app: Clients
    scope: Scope
    start: datetime
    progress: Progress
    found: Findings
    bar: Bar

    def with_catalog(self, collection: str) -> dict[str, KnownRow]:
        """Compare the rows of a collection with GeoCatalog; return the rows by the ids of their items.

        Raises:
            IngestionError: GeoCatalog refused or did not answer.
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        rows = self._rows(collection)
        self.found.compared[collection] = len(rows)
        unseen, suspects = self._seen(collection, rows)
        for item_id, row in unseen.items():
            verdict = against_catalog(row, self.start, None, is_there=False)
            if verdict is Verdict.MISSING:
                suspects.append(item_id)
            elif verdict is not Verdict.DELETED:
                self.found.items[collection, item_id] = verdict
        for first in range(0, len(suspects), _PORTION):
            portion = suspects[first : first + _PORTION]
            verdicts = run_all(lambda item_id: self._confirm(collection, item_id), portion)
            for item_id, verdict in zip(portion, verdicts, strict=True):
                if verdict is not Verdict.SAME:
                    self.found.items[collection, item_id] = verdict
        return rows

    def with_source(self, source: Source, rows: dict[str, dict[str, KnownRow]], stage: Stage) -> None:
        """Compare rows with a source.

        Args:
            source: the source.
            rows: what with_catalog returned, by collection.
            stage: takes the source's items that do not agree.

        Raises:
            CommandError: the source cannot be read.
            azure.core.exceptions.AzureError: the storage could not be reached or refused.
        """
        seen: dict[str, set[str]] = {collection: set() for collection in rows}
        portion: list[SourceItem] = []
        self.bar.total(None)
        for item in self._wanted(source, rows):
            seen[item.collection].add(item.item_id)
            if self._may_differ(item, rows[item.collection].get(item.item_id)):
                portion.append(item)
            if len(portion) >= _PORTION:
                self._confirm_items(portion, stage)
                portion.clear()
            self.bar.advance(1)
        self._confirm_items(portion, stage)
        if self.scope.complete:
            for collection, known in rows.items():
                for item_id in known.keys() - seen[collection]:
                    if verdict_of_row(known[item_id], self.start) is Verdict.SAME:
                        self.found.items.setdefault((collection, item_id), Verdict.EXTRA)

    # GeoCatalog

    def _rows(self, collection: str) -> dict[str, KnownRow]:
        found = current_items(collection, self.app, select=COLUMNS)
        rows = {item_id_of(entity): KnownRow.of(entity) for entity in found}
        since, sample = self.scope.since, self.scope.sample
        if since:
            rows = {item_id: row for item_id, row in rows.items() if row.finished_at and row.finished_at >= since}
        if sample is not None and sample < len(rows):
            rows = {item_id: rows[item_id] for item_id in random.sample(list(rows), sample)}
        return rows

    def _seen(self, collection: str, rows: dict[str, KnownRow]) -> tuple[dict[str, KnownRow], list[str]]:
        """Read what GeoCatalog holds; return the rows that it does not, and the ids of items that may differ."""
        unseen, suspects = dict(rows), list[str]()
        for page in self._pages(collection, rows):
            for item_id, stored_at in page:
                unseen.pop(item_id, None)
                row = rows.get(item_id)
                if row is None or row.status is ItemStatus.DELETED:
                    suspects += [item_id] if self.scope.strict else []
                    continue
                verdict = against_catalog(row, self.start, stored_at, is_there=True)
                if verdict is Verdict.CHANGED:
                    suspects.append(item_id)
                elif verdict is not Verdict.SAME:
                    self.found.items[collection, item_id] = verdict
            self.bar.advance(len(page))
            self.bar.counted(len(rows) - len(unseen))
        return unseen, suspects

    def _pages(self, collection: str, rows: dict[str, KnownRow]) -> Iterator[list[Stored]]:
        self.bar.total(len(rows))
        if self.scope.is_whole:
            return pages_of(collection, self.app.geocatalog, self.progress)
        return items_by_id(collection, rows, self.app.geocatalog)

    def _confirm(self, collection: str, item_id: str) -> Verdict:
        """Ask for one item by its id, then read its row again, since it may have changed while the pages were read."""
        item = self.app.geocatalog.get_item(collection, item_id)
        row = self._row(collection, item_id)
        is_there = item is not None
        if row is None or verdict_of_row(row, self.start) is Verdict.DELETED:
            return Verdict.WITHOUT_ROW if is_there else Verdict.SAME
        return against_catalog(row, self.start, stored_moment(item) if item else None, is_there=is_there)

    def _row(self, collection: str, item_id: str) -> KnownRow | None:
        entity = self.app.status.read(collection, ITEM_PREFIX + item_id, select=["PartitionKey", "RowKey", *COLUMNS])
        return KnownRow.of(entity) if entity else None

    # The source

    def _wanted(self, source: Source, rows: dict[str, dict[str, KnownRow]]) -> Iterator[SourceItem]:
        for item in read_source(source):
            known = rows.get(item.collection)
            if known is not None and (self.scope.is_whole or item.item_id in known):
                yield item

    def _may_differ(self, item: SourceItem, row: KnownRow | None) -> bool:
        key = item.collection, item.item_id
        if item.prepared is None:
            if row is None or verdict_of_row(row, self.start) is not Verdict.FAILED:
                self.found.items[key], self.found.reasons[key] = Verdict.UNREADABLE, item.reason
            return False
        if self.found.items.get(key) is Verdict.MISSING:
            return True
        verdict = against_source(row, self.start, item.prepared)
        if verdict in DIFFERENCES:
            return True
        if verdict is not Verdict.SAME:
            self.found.items.setdefault(key, verdict)
        return False

    def _confirm_items(self, items: list[SourceItem], stage: Stage) -> None:
        rows = run_all(lambda item: self._row(item.collection, item.item_id), items)
        for item, row in zip(items, rows, strict=True):
            key = item.collection, item.item_id
            if item.prepared is None:
                continue
            if self.found.items.get(key) is not Verdict.MISSING:
                verdict = against_source(row, self.start, item.prepared)
                if verdict is Verdict.SAME:
                    continue
                self.found.items[key] = verdict
            stage.add(item)
