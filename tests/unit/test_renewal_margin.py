from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sources.margin import renewal_margin

MINUTES = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=30))


@pytest.mark.parametrize(
    ("life", "wanted", "margin"),
    [
        (timedelta(hours=1), timedelta(minutes=15), timedelta(minutes=15)),
        (timedelta(days=1), timedelta(minutes=15), timedelta(hours=4, minutes=48)),
        (timedelta(minutes=20), timedelta(minutes=15), timedelta(minutes=10)),
        (timedelta(hours=1), timedelta(hours=5), timedelta(minutes=30)),
    ],
)
def test_margin(life: timedelta, wanted: timedelta, margin: timedelta) -> None:
    assert renewal_margin(life, wanted) == margin


@given(MINUTES, MINUTES)
def test_a_token_is_used_for_half_of_its_life_at_least(life: timedelta, wanted: timedelta) -> None:
    margin = renewal_margin(life, wanted)

    assert life / 5 <= margin <= life / 2
    assert margin >= min(wanted, life / 2)
