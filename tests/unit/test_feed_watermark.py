"""The rules of a feed's pages: every item is reached, and the watermark never passes one that is not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.feeds.watermark import Bound, Page, Reading, Step, after_page, begin_query, watermark_of

START = datetime(2026, 1, 1, tzinfo=UTC)
BEGAN = START + timedelta(days=10)


def bound(day: int) -> Bound:
    moment = START + timedelta(days=day)
    return Bound(moment, moment.isoformat())


class Api:
    """A STAC API in memory: its items by value, in its order, with links that count items."""

    def __init__(self, days: Sequence[int], size: int, *, sorts: bool, bounds: bool, tells: bool) -> None:
        self._items = list(enumerate(days))
        self._size, self._sorts, self._bounds, self._tells = size, sorts, bounds, tells

    def page(self, lower: Bound | None, start: int) -> tuple[list[tuple[int, int]], bool, int | None]:
        found = self._items
        if lower and self._bounds:
            found = [item for item in found if bound(item[1]).at >= lower.at]
        if self._sorts:
            found = sorted(found, key=lambda item: (item[1], item[0]))
        end = start + self._size
        return found[start:end], end < len(found), len(found) if self._tells else None


@given(
    days=st.lists(st.integers(0, 20), max_size=40),
    size=st.integers(1, 7),
    sorts=st.booleans(),
    bounds=st.booleans(),
    tells=st.booleans(),
    since=st.none() | st.integers(0, 20),
)
def test_every_item_is_reached_and_the_watermark_passes_none(
    days: list[int], size: int, since: int | None, *, sorts: bool, bounds: bool, tells: bool
) -> None:
    api = Api(days, size, sorts=sorts, bounds=bounds, tells=tells)
    reading = Reading(BEGAN, None if since is None else bound(since), by_link=not sorts)
    reached: set[int] = set()
    mark: datetime | None = None
    start = 0
    for _ in range(4 * len(days) + 10):
        entries, has_next, matched = api.page(reading.bound, start)
        reached |= {number for number, _ in entries}
        page = Page([bound(day) for _, day in entries], has_next, size, matched)
        reading = after_page(reading, page)
        before, mark = mark, watermark_of(reading, mark)
        assert before is None or (mark is not None and mark >= before)
        if mark is not None:
            assert mark <= BEGAN
            wanted = {number for number, day in enumerate(days) if bound(day).at < mark and (since or 0) <= day}
            assert wanted <= reached
        if reading.step is not Step.LINK:
            start = 0
        else:
            start += size
        if reading.step in {Step.END, Step.BLOCKED}:
            break
        if reading.step is Step.QUERY:
            reading = begin_query(reading)
    assert reading.step is Step.END
    assert {number for number, day in enumerate(days) if day >= (since or 0)} <= reached


def test_a_page_that_says_less_than_it_has_blocks_the_pass() -> None:
    page = Page([bound(1), bound(1)], has_next=False, limit=2, matched=5)
    reading = after_page(Reading(BEGAN, bound(1)), page)
    assert reading.step is Step.BLOCKED
    assert watermark_of(replace(reading, step=Step.END), None) == bound(1).at
