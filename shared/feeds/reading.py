"""Reads a feed, a page at a time: the pass from its watermark on, then the full pass that finds what came late."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from shared.basics.clock import format_timestamp, parse_timestamp
from shared.basics.errors import ErrorCode, FeedFault, FeedPaused, Unavailable
from shared.clients import Clients
from shared.feeds.api import SORT_LEVELS, FeedApi, LinkExpired, SearchRoute
from shared.feeds.sending import Batch, Outstanding, news_of, reject
from shared.feeds.specs import FeedSpec, OrderBy
from shared.feeds.strangers import strange_part
from shared.feeds.watermark import Bound, Page, Reading, Step, after_page, begin_query, watermark_of
from shared.records.feed_store import FeedRow
from shared.services.stac_pages import PageGuard, PageRequest, matched_of

log = logging.getLogger(__name__)

# So many items of a feed may be on the queue or under way; the rest waits at the API.
MAX_UNFINISHED = 10_000
# A pass that would replace more than these asks first: catalogues re-date all of their items now and then, and each
# replacement copies every asset again. The last figure lets a small feed follow a few changes.
_MAX_REPLACED, _MAX_REPLACED_SHARE, _FEW = 1_000, 0.1, 5
# How often a link may expire while one value is read before people are told.
_MAX_EXPIRIES = 2


@dataclass(frozen=True)
class Pass:
    """A pass under way, as a feed's row keeps it.

    Attributes:
        reading: how far it is.
        link: the request for the next page, where a link leads on.
        pages: how many pages it has read.
        sent: how many items it has sent.
        replaced: how many of these took the place of what GeoCatalog holds.
        expiries: how often a link expired since the pass last moved on.
        since: where it began, as text; empty for the very beginning.
        read: how many items its pages brought.
    """

    reading: Reading
    link: dict[str, Any] | None = None
    pages: int = 0
    sent: int = 0
    replaced: int = 0
    expiries: int = 0
    since: str = ""
    read: int = 0

    def dumped(self) -> str:
        """Return the pass as JSON text."""
        return json.dumps(asdict(self), default=format_timestamp)

    @staticmethod
    def begun(began: datetime, since: datetime | None, *, by_link: bool) -> "Pass":
        """Return a pass that has read nothing yet."""
        text = format_timestamp(since) if since else ""
        return Pass(Reading(began, Bound(since, text) if since else None, by_link=by_link), since=text)

    @staticmethod
    def loaded(text: str) -> "Pass":
        """Return a pass that a row keeps."""
        fields = json.loads(text)
        reading = fields.pop("reading")
        for name in ("bound", "last", "top", "mark"):
            if reading[name]:
                reading[name] = Bound(parse_timestamp(reading[name]["at"]), reading[name]["text"])
        reading |= {"began": parse_timestamp(reading["began"]), "step": Step(reading["step"])}
        return Pass(Reading(**reading), **fields)


class FeedTurn:
    """One turn of a feed: what it reads of the API and writes to its row.

    Args:
        spec: the feed.
        row: its row, which this run has claimed.
        api: its STAC API.
        app: the clients.
    """

    def __init__(self, spec: FeedSpec, row: FeedRow, api: FeedApi, app: Clients) -> None:
        self.row = row
        self._spec = spec
        self._api = api
        self._app = app
        self._outstanding = Outstanding(spec, app)
        self._route: SearchRoute | None = None
        self._has_looked = False
        self._sent = 0

    def pages(self, *, now_due: bool = False) -> Iterator[None]:
        """Read what is due, and yield after each page.

        Args:
            now_due: whether to read from the watermark on also before the feed's time has come.

        Raises:
            FeedFault: the feed cannot go on by itself.
            Unavailable: the API or GeoCatalog's queue asks for patience.
            Conflict: the row was changed meanwhile.
            azure.core.exceptions.AzureError: the storage could not be reached.
        """
        self._outstanding.read()
        if now_due or self.row.follow or self._is_follow_due():
            yield from self._read("follow")
            self._end_follow()
        if self.row.full or self._is_full_due():
            yield from self._read("full")
            self._end_full()

    def _is_follow_due(self) -> bool:
        every, last = self._spec.every, self.row.followed_at
        return every is None or last is None or self._app.now() - last >= every

    def _is_full_due(self) -> bool:
        every, last = self._spec.full_pass_every, self.row.last_full_pass
        return every is not None and (last is None or self._app.now() - last >= every)

    # One pass

    def _read(self, kind: str) -> Iterator[None]:
        now = self._pass_of(kind, getattr(self.row, kind))
        guard = PageGuard()
        self._following = None
        while now.reading.step is not Step.END:
            now = self._one_page(kind, now, guard)
            if now.reading.step is Step.BLOCKED:
                self._write(kind, replace(now, link=None, reading=self._again(now)))
                raise self._short(now)
            yield

    def _pass_of(self, kind: str, text: str) -> Pass:
        if text:
            return Pass.loaded(text)
        order, watermark = self.row.order_by, self.row.watermark
        since = None
        if kind == "follow" and order and watermark:
            since = watermark - self._spec.look_back_for(OrderBy(order))
        return Pass.begun(self._app.now(), since, by_link=not self.row.sorts)

    def _one_page(self, kind: str, now: Pass, guard: PageGuard) -> Pass:
        if len(self._outstanding) >= MAX_UNFINISHED:
            self._outstanding.read()
        if len(self._outstanding) + self._spec.page_size > MAX_UNFINISHED:
            raise Unavailable(
                f"Feed {self._spec.name} waits: {len(self._outstanding):,} of its items are not finished yet.",
                code=ErrorCode.FEED_WAITS,
            )
        now, asked_at, request, page = self._ask(kind, now, guard)
        entries = page["features"]
        guard.check_page(entries)
        values = self._values(entries)
        self._check_strangers(entries)
        batch = news_of(entries, self._spec, self._outstanding, self._app)
        self._check_replacements(now, batch, len(entries))
        reject(batch, self._spec, self._app)
        if batch.items:
            self._outstanding.add(batch, asked_at)
        following = self._api.next_of(page, request)
        is_new_link = following is not None and guard.is_new(following)
        facts = Page(values, is_new_link, self._spec.page_size, matched_of(page))
        reading = after_page(now.reading, facts)
        top = now.reading.top
        has_moved = reading.top is not None and (top is None or reading.top.at > top.at)
        after = replace(
            now,
            reading=reading,
            link=self._api.stored(following) if following and reading.step is Step.LINK else None,
            pages=now.pages + 1,
            sent=now.sent + len(batch.items),
            replaced=now.replaced + batch.replaced,
            expiries=0 if has_moved else now.expiries,
            read=now.read + len(entries),
        )
        self._following = following
        self._sent += len(batch.items)
        self._write(kind, after, batch, matched_of(page))
        if reading.step is Step.QUERY:
            after = replace(after, reading=begin_query(reading))
        if self._spec.max_items_per_run and self._sent >= self._spec.max_items_per_run and reading.step is not Step.END:
            raise Unavailable(
                f"Feed {self._spec.name} sent {self._sent:,} items in this run, as max_items_per_run allows.",
                code=ErrorCode.FEED_WAITS,
            )
        return after

    # Asking

    _following: PageRequest | None = None

    def _ask(self, kind: str, now: Pass, guard: PageGuard) -> tuple[Pass, datetime, PageRequest, dict[str, Any]]:
        """Ask for the next page: by its link, or by a query where the link is gone."""
        if self._route is None:
            self._route = self._api.route()
        if now.reading.step is Step.LINK and now.link:
            request = self._following or PageRequest(now.link["method"], now.link["url"], now.link["body"])
            asked_at = self._app.now()
            try:
                guard.check_request(request)
                return now, asked_at, request, self._api.page(request)
            except LinkExpired as error:
                now = self._without_link(kind, now, error)
        elif now.reading.step is not Step.QUERY or now.reading.seen:
            now = replace(now, reading=begin_query(now.reading))
        return self._query(now)

    def _without_link(self, kind: str, now: Pass, error: LinkExpired) -> Pass:
        now = replace(now, expiries=now.expiries + 1, link=None, reading=self._again(now))
        if now.expiries >= _MAX_EXPIRIES:
            bound = now.reading.bound
            where = f"at {self.row.order_by} = {bound.text}" if bound else "while the whole query is read"
            self._write(kind, replace(now, expiries=0))
            raise FeedFault(
                f"The API's links expire {where} before all of the items there were read ({error.message.rstrip('.')})."
                " Give the feed a larger page_size, or divide it, for example by bbox or filter.",
                code=ErrorCode.FEED_BLOCKED,
            )
        return now

    def _again(self, now: Pass) -> Reading:
        """Return the reading as it begins again: at the last value, or where its pages do not ascend at the start."""
        if now.reading.is_stepwise:
            return begin_query(now.reading)
        start = Bound(parse_timestamp(now.since), now.since) if now.since else None
        return Reading(now.reading.began, start, top=now.reading.top, by_link=now.reading.by_link)

    def _query(self, now: Pass) -> tuple[Pass, datetime, PageRequest, dict[str, Any]]:
        assert self._route is not None  # noqa: S101 - asked for before
        while True:
            order = OrderBy(self.row.order_by) if self.row.order_by else self._spec.order_by
            request = self._api.request(self._route, order, now.reading.bound, self.row.sort_level)
            asked_at = self._app.now()
            try:
                page = self._api.page(request)
            except LinkExpired as error:
                if order is None or self.row.sort_level >= SORT_LEVELS - 1:
                    raise FeedFault(error.message, code=ErrorCode.API_REFUSED) from None
                self.row = replace(self.row, sort_level=self.row.sort_level + 1)
                continue
            if not self.row.order_by and page["features"]:
                chosen = self._spec.order_by or choose_order(page["features"])
                self.row = replace(self.row, order_by=chosen.value)
                if order is None:
                    continue  # now in its order
            return self._with_order(now, page), asked_at, request, page

    def _with_order(self, now: Pass, page: Mapping[str, Any]) -> Pass:
        """Return a pass that trusts the API's order, once that was seen: its last item comes after its first.

        Pages that ascend do not show it: of an API that takes no notice of an order, some do by chance, and a query
        from their last value on would miss what comes later with a smaller one.
        """
        if self.row.sorts or self._has_looked or not self.row.order_by or self.row.sort_level >= SORT_LEVELS - 1:
            return now
        self._has_looked = True
        assert self._route is not None  # noqa: S101 - asked for before
        order = OrderBy(self.row.order_by)
        request = self._api.request(self._route, order, now.reading.bound, self.row.sort_level, is_last=True)
        last = self._values(self._api.page(request)["features"])
        first = self._values(page["features"])
        if not first or not last or last[0].at <= first[0].at:
            return now
        self.row = replace(self.row, sorts=True)
        return replace(now, reading=replace(now.reading, by_link=False))

    # Judging a page

    def _values(self, entries: Sequence[Any]) -> list[Bound]:
        if not self.row.order_by:
            return []
        return [order_value(entry, OrderBy(self.row.order_by)) for entry in entries if isinstance(entry, dict)]

    def _check_strangers(self, entries: Sequence[Any]) -> None:
        for entry in entries:
            part = strange_part(entry, self._spec) if isinstance(entry, dict) else None
            if part:
                raise FeedPaused(
                    f"The API ignores {part}: it gave item {str(entry.get('id'))[:80]}, which does not meet what feed "
                    f"{self._spec.name} asks for. Nothing of that page was sent. Change the feed's query, or ask the "
                    f"API's operators; then run geocatalog feeds run {self._spec.name}.",
                    code=ErrorCode.API_IGNORES,
                )

    def _check_replacements(self, now: Pass, batch: Batch, read: int) -> None:
        replaced = now.replaced + batch.replaced
        known = max(self.row.known, self.row.matched or 0, now.read + read)
        limit = min(_MAX_REPLACED, max(_FEW, int(known * _MAX_REPLACED_SHARE)))
        if batch.replaced and replaced > limit and not self.row.accepts_replacements:
            raise FeedPaused(
                f"{replaced:,} of the {known:,} items that feed {self._spec.name} knows changed upstream, and each "
                "replacement copies every asset again. If that is wanted, run geocatalog feeds run "
                f"{self._spec.name} --accept-replacements; if only a property without meaning changed, leave it out "
                "by ignore_properties.",
                code=ErrorCode.MANY_REPLACEMENTS,
            )

    def _short(self, now: Pass) -> FeedFault:
        bound = now.reading.last
        where = f" after {self.row.order_by} = {bound.text}" if bound else ""
        return FeedFault(
            f"The API says that {self._spec.name} has more items than its pages bring{where}, and links to no next "
            "page. What came was sent. Give the feed a larger page_size, or divide it, for example by bbox.",
            code=ErrorCode.FEED_BLOCKED,
        )

    # Writing

    def _write(self, kind: str, now: Pass, batch: Batch | None = None, matched: int | None = None) -> None:
        columns: dict[str, Any] = {kind: now.dumped()}
        if batch is not None:
            columns |= {
                "last_read": self._app.now(),
                "sent": self.row.sent + len(batch.items),
                "known": self.row.known + batch.new,
            }
            if now.pages == 1 and not now.since and matched is not None:
                columns["matched"] = matched
        if kind == "follow":
            columns["watermark"] = watermark_of(now.reading, self.row.watermark)
        self.row = self._app.feeds.update(replace(self.row, **columns))

    def _end_follow(self) -> None:
        ended = Pass.loaded(self.row.follow)
        log.info("Feed %s: %s pages read, %s items sent", self.row.name, ended.pages, ended.sent)
        full = bool(self.row.full) or self._is_full_due()
        accepts = self.row.accepts_replacements and full
        columns: dict[str, Any] = {"follow": "", "followed_at": ended.reading.began, "accepts_replacements": accepts}
        self.row = self._app.feeds.update(replace(self.row, **columns))

    def _end_full(self) -> None:
        ended = Pass.loaded(self.row.full)
        log.info("Feed %s: a full pass of %s pages found %s items", self.row.name, ended.pages, ended.sent)
        columns: dict[str, Any] = {
            "full": "",
            "last_full_pass": self._app.now(),
            "last_full_pass_missed": ended.sent,
            "accepts_replacements": False,
        }
        self.row = self._app.feeds.update(replace(self.row, **columns))


def choose_order(entries: Sequence[Any]) -> OrderBy:
    """Return the first property of `updated`, `created`, `datetime`, `start_datetime` that every item carries.

    Raises:
        FeedFault: there is none.
    """
    for order in OrderBy:
        try:
            for entry in entries:
                order_value(entry, order)
        except FeedFault:
            continue
        return order
    raise FeedFault(
        "No property of updated, created, datetime and start_datetime is carried by every item, so there is nothing to "
        "follow the API by.",
        code=ErrorCode.ORDER_MISSING,
    )


def order_value(item: Mapping[str, Any], order: OrderBy) -> Bound:
    """Return the value that orders an item.

    Raises:
        FeedFault: the item carries none.
    """
    properties = item.get("properties") if isinstance(item, dict) else None
    text = properties.get(order.value) if isinstance(properties, dict) else None
    try:
        if isinstance(text, str):
            return Bound(parse_timestamp(text), text)
    except ValueError:
        pass
    raise FeedFault(
        f"Item {str(item.get('id') if isinstance(item, dict) else None)[:80]} carries no {order.value}, which the feed "
        "is followed by, so nothing of its page was sent. Give the feed another order_by.",
        code=ErrorCode.ORDER_MISSING,
    )
