from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.items.work import Decision, Work, decide, is_older, is_same_content
from shared.messages.envelope import Envelope
from shared.messages.models import IfExists, QueueName
from shared.records.status_rows import TERMINAL, ItemRow, ItemStatus
from shared.stac.hashing import HASH_VERSION
from shared.stac.items import PreparedItem

T0 = datetime(2026, 4, 16, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BODY = PreparedItem(body=b"{}", content_hash="a", version=None, datetime=None, bbox=None)


OF_ENVELOPE = {"queue", "first_enqueued", "attempt", "correlation_id", "retry_since", "traceparent"}


def work(**changes: Any) -> Work:
    kept = {name: changes.pop(name) for name in OF_ENVELOPE & changes.keys()}
    envelope = Envelope(QueueName.ITEMS, b"{}", {}, T0, correlation_id="c-1")
    base = Work("scenes", "scene-1", replace(envelope, **kept), prepared=BODY, content_hash="a")
    return replace(base, **changes)


def deletion(**changes: Any) -> Work:
    return work(**{"prepared": None, "content_hash": "", "queue": QueueName.DELETIONS, **changes})


def row(status: ItemStatus = ItemStatus.SUCCEEDED, **changes: Any) -> ItemRow:
    base = ItemRow(
        "scenes",
        "scene-1",
        status,
        QueueName.ITEMS,
        T0,
        content_hash="a",
        correlation_id="c-1",
        in_catalog=True,
        hash_version=HASH_VERSION,
    )
    return replace(base, **changes)


def claimed(until: timedelta, **changes: Any) -> ItemRow:
    return row(ItemStatus.SUBMITTING, claimed_until=T0 + until, claimed_by="x", **changes)


OTHER = {"content_hash": "b", "correlation_id": "c-2"}
LATER = {"first_enqueued": T0 + MINUTE}
EARLIER = {"first_enqueued": T0 - MINUTE}


@pytest.mark.parametrize(
    ("case", "found", "wanted", "expected"),
    [
        ("same content is there", row(), work(), Decision.UNCHANGED),
        ("same content, sent later", row(), work(**LATER), Decision.UNCHANGED),
        ("same content, sent earlier", row(), work(**EARLIER), Decision.UNCHANGED),
        ("same content on its way", row(ItemStatus.SUBMITTED), work(), Decision.UNCHANGED),
        ("newer content", row(), work(**OTHER, **LATER), Decision.CLAIM),
        ("older content", row(), work(**OTHER, **EARLIER), Decision.SUPERSEDED),
        ("other content of the same second", row(), work(**OTHER), Decision.CLAIM),
        ("older than what is claimed", claimed(MINUTE), work(**OTHER, **EARLIER), Decision.SUPERSEDED),
        ("older than what failed", row(ItemStatus.FAILED), work(**OTHER, **EARLIER), Decision.SUPERSEDED),
        ("newer under a live claim", claimed(MINUTE), work(**OTHER, **LATER), Decision.WAIT_FOR_CLAIM),
        ("same under a live claim", claimed(MINUTE), work(), Decision.WAIT_FOR_CLAIM),
        ("same, claim ran out", claimed(-MINUTE), work(), Decision.CLAIM),
        ("newer, claim ran out", claimed(-MINUTE), work(**OTHER, **LATER), Decision.CLAIM),
        ("claim ends this moment", claimed(timedelta(0)), work(), Decision.CLAIM),
        ("newer while an operation is open", row(ItemStatus.SUBMITTED), work(**OTHER, **LATER),
         Decision.WAIT_FOR_OPERATION),
        ("same content after a failure", row(ItemStatus.FAILED), work(), Decision.CLAIM),
        ("same content after cancellation", row(ItemStatus.CANCELED), work(), Decision.CLAIM),
        ("same content after deletion", row(ItemStatus.DELETED, content_hash="", in_catalog=False), work(),
         Decision.CLAIM),
        ("its own copy", row(ItemStatus.WAITING, attempt=1), work(attempt=1), Decision.CLAIM),
        ("given again after its copy was sent", row(ItemStatus.WAITING, attempt=1), work(), Decision.STALE_COPY),
        ("given again after it failed", row(ItemStatus.FAILED, attempt=2), work(attempt=1), Decision.STALE_COPY),
        ("another message of that second and content", row(ItemStatus.WAITING, attempt=1),
         work(correlation_id="c-2"), Decision.CLAIM),
        ("same content waits, sent later", row(ItemStatus.WAITING, attempt=1), work(**LATER), Decision.CLAIM),
        ("its copy, before the row says so", row(ItemStatus.SUBMITTED), work(attempt=1), Decision.WAIT_FOR_OPERATION),
        ("held, its copy", row(ItemStatus.HELD, attempt=1), work(attempt=1), Decision.CLAIM),
        ("newer in the quiet after a lost response", row(ItemStatus.WAITING, quiet_until=T0 + 2 * MINUTE),
         work(**OTHER, **LATER), Decision.WAIT_FOR_QUIET),
        ("same in that quiet", row(ItemStatus.WAITING, attempt=1, quiet_until=T0 + 2 * MINUTE), work(attempt=1),
         Decision.CLAIM),
        ("newer after the quiet", row(ItemStatus.WAITING, quiet_until=T0), work(**OTHER, **LATER), Decision.CLAIM),
        ("skip and there", row(), work(**OTHER, **LATER, if_exists=IfExists.SKIP), Decision.SKIPPED),
        ("skip, not known to be there", row(ItemStatus.FAILED, in_catalog=None),
         work(**OTHER, **LATER, if_exists=IfExists.SKIP), Decision.CLAIM),
        ("fail is for the write to say", row(), work(**OTHER, **LATER, if_exists=IfExists.FAIL), Decision.CLAIM),
        ("forced, sent later", row(), work(**LATER, force=True), Decision.CLAIM),
        ("forced, while on its way", row(ItemStatus.SUBMITTED), work(**LATER, force=True),
         Decision.WAIT_FOR_OPERATION),
        ("forced, given again by the queue", row(), work(force=True), Decision.UNCHANGED),
        ("forced in the same second", row(), work(correlation_id="c-2", force=True), Decision.CLAIM),
        ("deletion, later", row(), deletion(**LATER), Decision.CLAIM),
        ("deletion, earlier", row(), deletion(**EARLIER), Decision.SUPERSEDED),
        ("deletion while an operation is open", row(ItemStatus.SUBMITTED), deletion(**LATER),
         Decision.WAIT_FOR_OPERATION),
        ("deletion of what skip would skip", row(), deletion(**LATER, if_exists=IfExists.SKIP), Decision.CLAIM),
        ("same deletion on its way", row(ItemStatus.SUBMITTED, queue=QueueName.DELETIONS, content_hash=""),
         deletion(), Decision.UNCHANGED),
        ("item after its deletion", row(ItemStatus.DELETED, queue=QueueName.DELETIONS, content_hash=""),
         work(**LATER), Decision.CLAIM),
        ("item sent before its deletion", row(ItemStatus.DELETED, queue=QueueName.DELETIONS, content_hash=""),
         work(**EARLIER), Decision.SUPERSEDED),
    ],
)  # fmt: skip
def test_decisions(case: str, found: ItemRow, wanted: Work, expected: Decision) -> None:
    assert decide(found, wanted, T0) is expected, case


def test_a_stalled_operation_no_longer_holds_up_newer_content() -> None:
    newer = work(**OTHER, **LATER)

    assert decide(row(ItemStatus.SUBMITTED), newer, T0, operation_stalled=True) is Decision.CLAIM
    assert decide(row(ItemStatus.SUBMITTED), work(), T0, operation_stalled=True) is Decision.UNCHANGED
    assert decide(row(ItemStatus.SUBMITTED), work(**OTHER, **EARLIER), T0, operation_stalled=True) is (
        Decision.SUPERSEDED
    )


@pytest.mark.parametrize(
    ("version", "row_version", "first_enqueued", "older"),
    [
        (T0, T0 + MINUTE, T0 + MINUTE, True),
        (T0 + MINUTE, T0, T0 - MINUTE, False),
        (T0, T0, T0 - MINUTE, True),
        (T0, T0, T0 + MINUTE, False),
        (None, T0, T0 - MINUTE, True),
        (T0, None, T0 + MINUTE, False),
        (None, None, T0, False),
    ],
)
def test_versions_order_where_both_carry_one(
    version: datetime | None, row_version: datetime | None, first_enqueued: datetime, older: bool
) -> None:
    wanted = work(version=version, first_enqueued=first_enqueued)

    assert is_older(wanted, row(version=row_version)) is older


MOMENTS = st.integers(-3, 3).map(lambda minutes: T0 + minutes * MINUTE)
MAYBE = st.none() | MOMENTS
WORKS = st.builds(
    work,
    content_hash=st.sampled_from("ab"),
    correlation_id=st.sampled_from(["c-1", "c-2"]),
    first_enqueued=MOMENTS,
    version=MAYBE,
    attempt=st.integers(0, 2),
    if_exists=st.sampled_from(IfExists),
    force=st.booleans(),
) | st.builds(deletion, first_enqueued=MOMENTS, attempt=st.integers(0, 2))
ROWS = st.builds(
    row,
    st.sampled_from(ItemStatus),
    queue=st.sampled_from([QueueName.ITEMS, QueueName.DELETIONS]),
    content_hash=st.sampled_from(["a", "b", ""]),
    first_enqueued=MOMENTS,
    version=MAYBE,
    attempt=st.integers(0, 2),
    claimed_until=MAYBE,
    quiet_until=MAYBE,
    in_catalog=st.none() | st.booleans(),
)


@given(ROWS, WORKS, st.booleans())
def test_rules_that_every_decision_keeps(found: ItemRow, wanted: Work, stalled: bool) -> None:
    decision = decide(found, wanted, T0, operation_stalled=stalled)
    same = is_same_content(found, wanted)

    if decision is Decision.UNCHANGED:
        assert same
        assert found.status in {ItemStatus.SUBMITTED, ItemStatus.SUCCEEDED}
    if decision is Decision.SUPERSEDED:
        assert not same
        assert is_older(wanted, found)
    if decision is Decision.CLAIM:
        assert same or not is_older(wanted, found)
        assert found.status is not ItemStatus.SUBMITTED or stalled
        assert not (found.status is ItemStatus.SUBMITTING and found.claimed_until and found.claimed_until > T0)
    if decision is Decision.WAIT_FOR_OPERATION:
        assert found.status is ItemStatus.SUBMITTED
    if decision is Decision.STALE_COPY:
        assert (wanted.envelope.first_enqueued, wanted.envelope.correlation_id) == (
            found.first_enqueued,
            found.correlation_id,
        )
    if found.status in TERMINAL:
        assert decision not in {Decision.WAIT_FOR_CLAIM, Decision.WAIT_FOR_OPERATION}


@given(WORKS, ROWS)
def test_of_two_contents_one_at_most_is_older(wanted: Work, found: ItemRow) -> None:
    mirrored = work(version=found.version, first_enqueued=found.first_enqueued)
    mirror = row(version=wanted.version, first_enqueued=wanted.envelope.first_enqueued)

    assert not (is_older(wanted, found) and is_older(mirrored, mirror))


@pytest.mark.parametrize(
    ("row_is_naive", "is_naive", "older"), [(None, False, True), (True, True, True), (None, True, False)]
)
def test_a_version_without_an_offset_orders_only_against_another(
    row_is_naive: bool | None, is_naive: bool, older: bool
) -> None:
    found = row(version=T0, version_is_naive=row_is_naive)
    wanted = work(version=T0 - MINUTE, version_is_naive=is_naive, **LATER)

    assert is_older(wanted, found) is older


@pytest.mark.parametrize(("earlier", "same"), [(["x", "old"], True), (["other"], False), ([], False)])
def test_a_row_of_before_hashes_had_a_version_is_compared_by_the_rules_of_then(earlier: list[str], same: bool) -> None:
    found = row(content_hash="old", hash_version=None)

    assert is_same_content(found, work(prepared=replace(BODY, earlier_hashes=lambda: earlier))) is same
    assert not is_same_content(
        replace(found, content_hash=""), work(prepared=replace(BODY, earlier_hashes=lambda: [""]))
    )
