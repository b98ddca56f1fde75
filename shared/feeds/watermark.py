"""How far a feed has read, and what it asks for next: pure rules.

A pass reads a query from a lower bound upwards, page by page. Its next page is a new query from the last value on,
inclusive, so that neither a page number nor an expired token decides what is found: items that change while a pass
reads move others from page to page. Only where a whole page holds one value, a link leads on. What comes twice by that
is left out before it is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise


class Step(StrEnum):
    """What a pass does next."""

    QUERY = "query"
    LINK = "link"
    END = "end"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Bound:
    """A value of the field that orders a feed's items.

    Attributes:
        at: the moment.
        text: as the API wrote it, which may be finer than a moment.
    """

    at: datetime
    text: str


@dataclass(frozen=True)
class Page:
    """What the rules need to know of a page.

    Attributes:
        values: the values that order its items, in the order of the page.
        has_next: whether it links to a next page that was not read yet.
        limit: how many items were asked for.
        matched: how many items the query has in all, where the API says so.
    """

    values: Sequence[Bound]
    has_next: bool
    limit: int
    matched: int | None = None


@dataclass(frozen=True)
class Reading:
    """How far one pass has come.

    Attributes:
        began: the moment before its first request.
        bound: lower bound of the present query; None for all.
        last: the largest value of the pages so far, while they ascend.
        top: the largest value of all.
        mark: the largest value of all that is not past `began`.
        ascends: whether every page so far came in ascending order.
        by_link: whether the API takes no notice of an order or a lower bound, so that links alone lead on.
        seen: items of the present query so far.
        step: what is done next.
    """

    began: datetime
    bound: Bound | None = None
    last: Bound | None = None
    top: Bound | None = None
    mark: Bound | None = None
    ascends: bool = True
    by_link: bool = False
    seen: int = 0
    step: Step = Step.QUERY

    @property
    def is_stepwise(self) -> bool:
        """Whether a new query may take the place of a link."""
        return self.ascends and not self.by_link


def after_page(reading: Reading, page: Page) -> Reading:
    """Return how far a pass is after a page whose new items are on the queue.

    Args:
        reading: how far it was before.
        page: the page.
    """
    values = page.values
    reading = replace(reading, seen=reading.seen + len(values))
    if values:
        reading = _noted(reading, values)
    return replace(reading, step=_next_step(reading, page))


def _noted(reading: Reading, values: Sequence[Bound]) -> Reading:
    is_first = reading.seen == len(values)
    ascends = reading.ascends and all(a.at <= b.at for a, b in pairwise(values))
    by_link = reading.by_link
    if reading.bound and values[0].at < reading.bound.at:
        # The API does not keep the bound that the pass asks for.
        by_link = True
    if ascends and reading.last and values[0].at < reading.last.at and not is_first:
        ascends = False
    if by_link and not reading.by_link and is_first:
        reading = replace(reading, last=None)  # it begins at the very first item again
    return replace(
        reading,
        ascends=ascends,
        by_link=by_link,
        last=values[-1] if ascends else None,
        top=_largest(reading.top, values),
        mark=_largest(reading.mark, [value for value in values if value.at <= reading.began]),
    )


def _largest(before: Bound | None, values: Sequence[Bound]) -> Bound | None:
    return max((*([before] if before else []), *values), key=lambda value: value.at, default=None)


def _next_step(reading: Reading, page: Page) -> Step:
    moves_on = reading.last is not None and (reading.bound is None or reading.last.at > reading.bound.at)
    if reading.is_stepwise and moves_on and (page.has_next or _is_short(reading, page)):
        return Step.QUERY
    if page.has_next:
        return Step.LINK
    if page.matched is not None and page.values and reading.seen < page.matched:
        return Step.BLOCKED  # the API says that there is more, and shows no way to it
    return Step.END


def _is_short(reading: Reading, page: Page) -> bool:
    """Tell whether more may follow a page without a link."""
    if page.matched is not None:
        return reading.seen < page.matched
    return len(page.values) >= page.limit


def begin_query(reading: Reading) -> Reading:
    """Return the reading as it begins a new query: from the last value on, inclusive."""
    return replace(reading, bound=reading.last or reading.bound, seen=0, step=Step.QUERY)


def watermark_of(reading: Reading, before: datetime | None) -> datetime | None:
    """Return the largest value up to which every item is on the queue.

    Values past the moment at which the pass began do not count: an item stamped years ahead must not hide those that
    follow.

    Args:
        reading: how far the pass is.
        before: the watermark so far, which never goes back.
    """
    is_whole = reading.step is Step.END or reading.is_stepwise
    if not is_whole or reading.mark is None:
        return before
    return reading.mark.at if before is None else max(reading.mark.at, before)
