"""Which sources are wanted: those of INGESTION_SOURCES, those added; what a list that is wrong does to both."""

import json
import uuid
from datetime import timedelta

import pytest

from shared.basics.errors import SettingsError
from shared.sources.renewal import keep_alive
from shared.sources.wanted import want_source
from shared.upkeep.source_run import renew_sources

from .world import World

FAULTY = {"container_url": "https://ours.blob.core.windows.net/cogs", "sas": {"planetary_computr": "x"}}


def test_a_faulty_entry_does_not_stop_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    app = world.new_app([FAULTY, world.entry, "nonsense"])
    with pytest.raises(SettingsError, match="did you mean planetary_computer"):
        renew_sources(app)
    assert world.left() > timedelta(minutes=55)
    faults = app.sources.faults()
    assert [fault.partition(":")[0] for fault in faults] == ["Entry 1 (https", "Entry 3"]
    assert all(fault in caplog.text for fault in faults)
    renew_sources(world.app)
    assert world.app.sources.faults() == []


def test_what_a_run_has_no_time_for_is_told_and_done_by_the_next(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    assert renew_sources(world.app, budget=timedelta(0)) == 0
    assert "1 ingestion sources are left for the next run" in caplog.text
    assert world.token_requests() == 0

    assert renew_sources(world.app) == 1
    assert world.left() > timedelta(minutes=55)


@pytest.mark.parametrize(
    "broken", ["not JSON", "{}", "https://elsewhere.blob.core.windows.net/configuration/list.json"]
)
def test_a_list_that_cannot_be_read_lets_no_source_lapse(world: World, broken: str) -> None:
    renew_sources(world.app)
    app = world.new_app(broken)
    world.pass_time(timedelta(minutes=50))
    with pytest.raises(SettingsError):
        renew_sources(app)
    assert world.left() > timedelta(minutes=55)
    assert len(app.sources.faults()) == 1


def test_the_list_may_be_a_blob(world: World) -> None:
    container = world.app.storage.blobs.get_container_client(f"configuration-{uuid.uuid4().hex[:8]}")
    container.create_container()
    blob = container.get_blob_client("sources.json")
    app = world.new_app(blob.url)
    with pytest.raises(SettingsError, match="There is no blob"):
        renew_sources(app)
    blob.upload_blob("\ufeff" + json.dumps([world.entry]))
    assert renew_sources(app) == 1
    blob.upload_blob(b"\xff\xfe", overwrite=True)
    with pytest.raises(SettingsError, match="not UTF-8"):
        renew_sources(app)
    signed = world.new_app(f"{blob.url}?sv=2024&sig=SECRET")
    blob.upload_blob("[1]", overwrite=True)
    with pytest.raises(SettingsError) as caught:
        renew_sources(signed)
    assert "SECRET" not in str(caught.value)


def test_a_source_taken_off_the_list_is_left_to_itself(world: World) -> None:
    renew_sources(world.app)
    before = world.sources()
    renew_sources(world.new_app([]))
    assert world.app.sources.rows() == []
    assert world.sources() == before


def test_a_source_that_was_added_stays_when_it_leaves_the_list(world: World) -> None:
    want_source(world.spec, world.app.sources)
    renew_sources(world.app)
    app = world.new_app([])
    renew_sources(app)
    world.pass_time(timedelta(minutes=50))
    assert renew_sources(app) == 1


def test_a_row_that_holds_no_source_is_told_and_does_not_stop_the_others(world: World) -> None:
    key = "ours~cogs"
    world.app.sources.merge(key, {"container_url": FAULTY["container_url"], "spec": '{"container_url": 1}'})
    assert renew_sources(world.app) == 1
    assert "add it again" in str((world.app.sources.get(key) or {})["error_message"])


def test_a_source_that_nobody_wants_is_not_made(world: World) -> None:
    assert keep_alive(world.spec, world.app) is False
    assert world.sources() == []
