from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.clock import format_timestamp, parse_timestamp, utc_now


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-16T15:10:37.3934879Z", datetime(2026, 4, 16, 15, 10, 37, 393487, tzinfo=UTC)),
        ("2026-04-16T15:10:37.393487Z", datetime(2026, 4, 16, 15, 10, 37, 393487, tzinfo=UTC)),
        ("2026-04-16T15:10:37.39Z", datetime(2026, 4, 16, 15, 10, 37, 390000, tzinfo=UTC)),
        ("2026-04-16T15:10:37Z", datetime(2026, 4, 16, 15, 10, 37, tzinfo=UTC)),
        ("2099-12-31T23:59:59.0000000Z", datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-04-16T15:10:37+02:00", datetime(2026, 4, 16, 13, 10, 37, tzinfo=UTC)),
        ("2026-04-16T15:10:37", datetime(2026, 4, 16, 15, 10, 37, tzinfo=UTC)),
        (" 2026-04-16T15:10:37Z\n", datetime(2026, 4, 16, 15, 10, 37, tzinfo=UTC)),
    ],
)
def test_timestamp_of_any_precision_is_read(text: str, expected: datetime) -> None:
    assert parse_timestamp(text) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its words, the kind is what callers catch
        parse_timestamp(text)


@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        moment = parse_timestamp(text)
    except ValueError:
        return
    assert moment.utcoffset() == timedelta(0)


@given(st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(9000, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001
def test_what_is_written_is_read_again(naive: datetime, hours: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=hours)))

    assert parse_timestamp(format_timestamp(moment)) == moment
    assert format_timestamp(moment).endswith("Z")


def test_the_present_is_aware() -> None:
    assert utc_now().tzinfo is UTC
