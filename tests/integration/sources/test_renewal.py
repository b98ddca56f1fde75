"""Renewal over days, with whatever may go wrong, on a clock that the test moves."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from requests import Response
from requests.adapters import HTTPAdapter

from local.azurite import Azurite
from shared.clients import Clients
from shared.records.source_store import SourceStore
from shared.sources.renewal import keep_alive
from shared.sources.specs import parse_source
from shared.sources.wanted import want_source
from shared.upkeep.source_run import renew_sources
from tests.properties.catalog import wait_until
from tests.properties.interrupts import Fuse, Killed, interruptible, kill

from .world import HANG_SECONDS, SOURCES, World, expiry_of

RUN_EVERY = timedelta(minutes=5)
LIFE = timedelta(hours=1)  # of the Planetary Computer's tokens
MARGIN = timedelta(minutes=15)
PUT = {"method": "PUT", "path": f"{SOURCES}/*", "count": 1}


def run_due(world: World) -> None:
    """Move to the first moment at which the SAS is due for renewal."""
    world.pass_time(world.left() - MARGIN + timedelta(seconds=1))


def test_a_day_of_renewals_without_a_moment_without_access(world: World) -> None:
    disturbances: dict[int, Callable[[], None]] = {
        20: lambda: world.disturb_catalog({**PUT, "kind": "status", "status": 500}),
        50: lambda: world.disturb_catalog({**PUT, "kind": "lose_response"}),
        80: lambda: world.issue(token_fault="expired"),
        86: world.issue,
        130: lambda: world.delete(world.source()["id"]),
        160: lambda: world.issue(token_fault="other container"),
        162: world.issue,
        190: lambda: world.issue(faults=[{"path": "/api/sas/*", "status": 429}]),
        192: world.issue,
        220: lambda: world.disturb_catalog({"method": "POST", "path": SOURCES, "kind": "lose_response", "count": 1}),
        221: lambda: world.delete(world.source()["id"]),
    }
    # A run that finds the issuer at fault is made up for before half of a life is gone.
    app = world.new_app([world.entry], SAS_RENEWAL_MARGIN="P1D")
    margin = LIFE / 2
    renew_sources(app)
    ids, renewals, latest = {world.source()["id"]}, 0, world.expiry()
    for run in range(1, 289):
        world.pass_time(RUN_EVERY)
        if run in disturbances:
            disturbances[run]()
        renewals += renew_sources(app)
        source = world.source()
        expiry = expiry_of(source)
        left = expiry - world.clock.now()
        assert left > timedelta(0)
        assert left > margin - RUN_EVERY or world.fault()
        assert expiry >= latest
        latest = expiry
        ids.add(source["id"])
    assert 40 <= renewals <= 60
    assert len(ids) == 3  # twice it was deleted by hand
    assert world.writes().count("DELETE") == 2


def test_half_a_life_without_the_issuer_is_bridged_by_a_margin_of_half_a_life(world: World) -> None:
    app = world.new_app([world.entry], SAS_RENEWAL_MARGIN="PT30M")
    renew_sources(app)
    world.pass_time(world.left() - timedelta(minutes=29))
    world.issuer_is_down()
    for _ in range(5):
        assert renew_sources(app) == 0
        assert "507" in world.fault()
        assert world.left() > timedelta(0)
        world.pass_time(RUN_EVERY)
    world.issue()
    assert renew_sources(app) == 1
    assert world.left() > LIFE - RUN_EVERY
    assert world.fault() == ""


def test_after_an_outage_longer_than_the_margin_the_first_run_brings_the_source_back(world: World) -> None:
    renew_sources(world.app)
    run_due(world)
    world.issuer_is_down()
    for _ in range(6):
        renew_sources(world.app)
        world.pass_time(RUN_EVERY)
    assert world.left() < timedelta(0)
    world.issue()
    assert renew_sources(world.app) == 1
    assert world.left() > LIFE - RUN_EVERY


@pytest.mark.parametrize("in_place", [False, True], ids=["none in place", "one in place"])
@pytest.mark.parametrize(
    ("behavior", "sentence"),
    [
        ({"token_fault": "expired"}, "ended at"),
        ({"token_fault": "not yet valid"}, "begins only at"),
        ({"token_fault": "other container"}, "was signed for another container"),
        ({"token_fault": "no expiry"}, "has no expiry (se)"),
        ({"token_fault": "no token"}, "without a token and its expiry"),
        ({"token_fault": "html"}, "without JSON"),
        ({"faults": [{"path": "/api/sas/*", "status": 429}]}, "answered 429"),
        ({"faults": [{"path": "/api/sas/*", "status": 501}]}, "answered 501"),
        ({"faults": [{"path": "/api/sas/*", "status": 403}]}, "answered 403"),
        ({"faults": [{"path": "/api/sas/*", "status": 500, "delay_seconds": HANG_SECONDS}]}, "did not answer"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) and "token_fault" in value else None,
)
def test_a_token_that_is_no_good_is_reported_and_not_used(
    world: World, behavior: dict[str, object], sentence: str, in_place: bool
) -> None:
    if in_place:
        renew_sources(world.app)
        run_due(world)
    before = world.sources()
    world.issue(**behavior)
    assert renew_sources(world.app) == 0
    assert sentence in world.fault()
    assert world.sources() == before
    world.issue()
    assert renew_sources(world.app) == 1
    assert world.left() > LIFE - RUN_EVERY
    assert world.fault() == ""


def test_a_token_that_ends_no_later_is_reported_and_not_used(world: World) -> None:
    renew_sources(world.app)
    run_due(world)
    before = world.expiry()
    world.issue(sas_life=60)
    assert renew_sources(world.app) == 0
    assert "ends no later than the one in place" in world.fault()
    assert world.expiry() == before


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 500}, {"kind": "lose_response"}, {"kind": "reset"}])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_that_fails_is_made_again(world: World, fault: dict[str, object], method: str) -> None:
    if method == "PUT":
        renew_sources(world.app)
        run_due(world)
    world.disturb_catalog({**fault, "method": method, "path": f"{SOURCES}*", "count": 1})
    renew_sources(world.app)
    assert world.fault()
    renew_sources(world.app)
    assert world.fault() == ""
    assert world.left() > LIFE - RUN_EVERY
    assert world.row()["source_id"] == world.source()["id"]
    assert world.row()["expires_at"] == world.expiry()


def test_nothing_is_written_while_nothing_is_due(world: World) -> None:
    renew_sources(world.app)
    world.forget_requests()
    for _ in range(3):
        world.pass_time(RUN_EVERY)
        assert renew_sources(world.app) == 0
    assert world.writes() == []


def test_a_source_deleted_by_hand_comes_back(world: World) -> None:
    renew_sources(world.app)
    first = world.source()["id"]
    world.delete(first)
    assert renew_sources(world.app) == 1
    assert world.row()["source_id"] == world.source()["id"] != first


def test_a_source_made_by_hand_is_found_and_replaced_in_place(world: World) -> None:
    world.issue(sas_life=600)
    by_hand = world.make_by_hand(world.token())
    world.issue()
    world.forget_requests()
    assert renew_sources(world.app) == 1
    assert world.source()["id"] == by_hand == world.row()["source_id"]
    assert world.left() > LIFE - RUN_EVERY
    assert world.writes() == ["POST", "PUT"]


def test_a_source_made_by_hand_that_is_better_is_left_alone(world: World) -> None:
    world.issue(sas_life=86_400)
    by_hand = world.make_by_hand(world.token())
    world.issue()
    world.forget_requests()
    renew_sources(world.app)
    renew_sources(world.app)
    assert world.writes() == ["POST"]
    assert world.row()["source_id"] == by_hand
    assert world.left() > timedelta(hours=23)
    assert world.fault() == ""


def test_a_source_whose_container_is_named_like_an_id_is_found(world: World) -> None:
    container_url = f"{world.container_url.rpartition('/')[0]}/{uuid.uuid4()}"
    spec = parse_source({"container_url": container_url, "sas": {"setting": "NAMED_LIKE_AN_ID"}})
    sas = world.token()
    by_hand = world.make_by_hand(sas.replace("se=2", "se=1"), container_url)  # long ended
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAMED_LIKE_AN_ID", sas.replace("sp=rl", "sp=r"))  # without list it is not tried on the container
        want_source(spec, world.app.sources)
        assert keep_alive(spec, world.app)
    assert world.row(spec)["source_id"] == by_hand


def test_a_source_that_now_opens_another_container_is_not_taken_for_ours(world: World) -> None:
    renew_sources(world.app)
    first = world.source()
    connection = {"containerUrl": f"{world.container_url}-other", "sasToken": world.token()}
    world.call("PUT", f"{SOURCES}/{first['id']}", json={"kind": "SasToken", "connectionInfo": connection})
    assert renew_sources(world.app) == 1
    assert {source["connectionInfo"]["containerUrl"] for source in world.sources()} == {
        world.container_url,
        f"{world.container_url}-other",
    }


def test_two_runs_at_once_leave_one_source(world: World) -> None:
    for moment in ("missing", "due"):
        if moment == "due":
            run_due(world)
        apps = [world.new_app([world.entry]) for _ in range(2)]
        threads = [threading.Thread(target=renew_sources, args=(app,)) for app in apps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        renew_sources(world.app)
        assert world.row()["source_id"] == world.source()["id"]
        assert world.row()["expires_at"] == world.expiry()
        assert world.fault() == ""
        assert world.left() > LIFE - RUN_EVERY


class _Meanwhile(HTTPAdapter):
    """Lets something happen once, after a token was given and before it is used."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._acts = [act]

    def send(self, *arguments: Any, **options: Any) -> Response:
        response = super().send(*arguments, **options)
        if self._acts:
            self._acts.pop()()
        return response


def test_what_another_run_put_there_meanwhile_is_not_made_worse(world: World) -> None:
    renew_sources(world.app)
    run_due(world)

    def other_run() -> None:
        world.issue(sas_life=2 * LIFE.total_seconds())
        renew_sources(world.app)

    slow = world.new_app([world.entry])
    slow.planetary_computer._session.mount(slow.settings.planetary_computer_url, _Meanwhile(other_run))  # noqa: SLF001
    renew_sources(slow)
    assert world.left() > 2 * LIFE - RUN_EVERY
    assert world.fault() == ""


@pytest.mark.parametrize("moment", ["missing", "due"])
def test_a_crash_between_any_two_calls_leaves_a_source_that_works(world: World, azurite: Azurite, moment: str) -> None:
    fuse = Fuse()
    world.app = interrupted = _interruptible(world, azurite, fuse)
    renew_sources(world.app)
    kills = 0
    for call in range(1, 40):
        if moment == "missing":
            world.delete(world.source()["id"])
        else:
            run_due(world)
        fuse.set(call, kill, after=call % 2 == 0)
        try:
            renew_sources(interrupted)
        except Killed:
            kills += 1
        fuse.clear()
        renew_sources(interrupted)
        assert world.row()["source_id"] == world.source()["id"]
        assert world.row()["is_resumed"] is True
        assert world.left() > LIFE - RUN_EVERY
        if kills < call:
            break
    assert kills > 8


def _interruptible(world: World, azurite: Azurite, fuse: Fuse) -> Clients:
    app = interruptible(world.app, azurite, fuse, lambda _request, _response: None)
    return replace(app, sources=SourceStore(app.storage.tables))


def test_a_source_taken_off_while_it_is_renewed_stays_off(world: World) -> None:
    app = world.new_app([])
    want_source(world.spec, app.sources)
    renew_sources(app)
    run_due(world)
    world.issue(faults=[{"path": "/api/sas/*", "status": 500}])
    asked = world.token_requests()
    thread = threading.Thread(target=renew_sources, args=(app,))
    thread.start()
    wait_until(lambda: world.token_requests() > asked)  # and is asked twice more
    app.sources.delete(str(world.row()["RowKey"]))
    thread.join()
    assert app.sources.rows() == []


@pytest.mark.parametrize("skew", [timedelta(minutes=-4), timedelta(minutes=9)])
def test_a_clock_that_is_wrong_by_minutes_costs_no_access(world: World, skew: timedelta) -> None:
    # The Planetary Computer dates the start of a token back by five minutes.
    world.clock.advance(skew)
    for _ in range(15):
        renew_sources(world.app)
        assert world.left() + skew > timedelta(0)
        world.pass_time(RUN_EVERY)


def test_a_margin_longer_than_a_life_is_half_of_it(world: World) -> None:
    app = world.new_app([world.entry], SAS_RENEWAL_MARGIN="P7D")
    renew_sources(app)
    world.pass_time(timedelta(minutes=25))
    assert renew_sources(app) == 0
    world.pass_time(timedelta(minutes=6))
    assert renew_sources(app) == 1
