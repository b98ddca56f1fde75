"""Rules of the host that need no storage: schedules, back-off, log levels."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from local.host.configuration.app_settings import AppSettings
from local.host.configuration.durations import Durations
from local.host.configuration.thread_pool import ThreadPool
from local.host.faults import FunctionFault, HostFault
from local.host.logs import CategoryFilter
from local.host.queues.backoff import RandomizedExponentialBackoff
from local.host.timers.schedule import Schedule, time_zone
from local.host.worker.deaths import WorkerDeaths

REYKJAVIK = ZoneInfo("Atlantic/Reykjavik")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("expression", "moment", "following"),
    [
        (
            "0 */5 * * * *",
            datetime(2024, 2, 4, 12, 1, 2, tzinfo=REYKJAVIK),
            datetime(2024, 2, 4, 12, 5, tzinfo=REYKJAVIK),
        ),
        (
            "*/5 * * * *",
            datetime(2024, 2, 4, 12, 1, 2, tzinfo=REYKJAVIK),
            datetime(2024, 2, 4, 12, 5, tzinfo=REYKJAVIK),
        ),
        (
            "30 * * * * *",
            datetime(2024, 2, 4, 12, 1, 2, tzinfo=REYKJAVIK),
            datetime(2024, 2, 4, 12, 1, 30, tzinfo=REYKJAVIK),
        ),
        # Day 13 and Friday both have to fit.
        ("0 0 5 13 * 5", datetime(2024, 2, 4, tzinfo=REYKJAVIK), datetime(2024, 9, 13, 5, tzinfo=REYKJAVIK)),
        # The night in which summer time begins.
        ("0 30 6 * * *", datetime(2024, 3, 30, 12, tzinfo=BERLIN), datetime(2024, 3, 31, 6, 30, tzinfo=BERLIN)),
    ],
)
def test_next_occurrence(expression: str, moment: datetime, following: datetime) -> None:
    assert Schedule(expression, following.tzinfo or REYKJAVIK).next_after(moment) == following


@pytest.mark.parametrize("expression", ["", "* * * *", "00:05:00", "60 * * * * *", "@hourly", "* * * * * * *"])
def test_schedules_that_are_none(expression: str) -> None:
    with pytest.raises(FunctionFault, match="is no NCRONTAB expression"):
        Schedule(expression, REYKJAVIK)


def test_only_schedules_up_to_once_a_minute_are_monitored() -> None:
    assert Schedule("0 * * * * *", REYKJAVIK).is_monitored()
    assert not Schedule("*/30 * * * * *", REYKJAVIK).is_monitored()


def test_time_zone_of_schedules() -> None:
    assert time_zone(AppSettings({"WEBSITE_TIME_ZONE": "Europe/Berlin"})) == BERLIN
    with pytest.raises(FunctionFault, match="which is no time zone"):
        time_zone(AppSettings({"WEBSITE_TIME_ZONE": "Nowhere/Land"}))


def test_back_off_grows_to_the_longest_pause_and_starts_over() -> None:
    backoff = RandomizedExponentialBackoff(longest=2.0)
    # At the start 100 ms come before the doubling begins, and after a message too.
    assert backoff.next_pause(found_something=False) == pytest.approx(0.1)
    assert 0.18 <= backoff.next_pause(found_something=False) <= 0.22
    assert backoff.next_pause(found_something=True) == pytest.approx(0.1)
    pauses = [backoff.next_pause(found_something=False) for _ in range(8)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(2.0)
    assert backoff.next_pause(found_something=True) == pytest.approx(0.1)


def test_the_second_worker_that_dies_is_replaced_after_a_pause_and_the_third_is_not() -> None:
    deaths = WorkerDeaths(Durations())
    assert [deaths.pause(moment) for moment in (0, 60, 120)] == [0, 10, None]
    apart = WorkerDeaths(Durations())
    assert [apart.pause(moment) for moment in (0, 1_801, 3_602, 3_603)] == [0, 0, 0, 10]


def test_longest_prefix_of_a_category_decides_its_level() -> None:
    levels = CategoryFilter({"default": "Warning", "Function": "Error", "function.ingest_item.User": "Debug"})
    assert levels.threshold("Host.Startup") == logging.WARNING
    assert levels.threshold("Function.delete_item.User") == logging.ERROR
    assert levels.threshold("Function.ingest_item.User") == logging.DEBUG
    assert CategoryFilter({}).threshold("Host") == logging.INFO


def test_names_of_settings_regard_neither_case_nor_kind_of_separator() -> None:
    settings = AppSettings(
        {"Storage:queueServiceUri": "https://a", "storage__CREDENTIAL": "managedidentity", "Q": "items"}
    )
    assert settings.section("STORAGE") == {"queueserviceuri": "https://a", "credential": "managedidentity"}
    assert settings.resolve("%q%-poison") == "items-poison"
    with pytest.raises(FunctionFault, match="'%MISSING%' does not resolve to a value"):
        settings.resolve("%MISSING%")


@pytest.mark.parametrize(
    ("choice", "settings", "first", "restarted"),
    [
        (None, {}, "1000", "1000"),
        (None, {"PYTHON_THREADPOOL_THREAD_COUNT": "32"}, "32", "32"),
        ("5", {"PYTHON_THREADPOOL_THREAD_COUNT": "32"}, "5", "5"),
        # A placeholder's pool ignores the setting; the worker after it does not.
        ("cores+4", {"PYTHON_THREADPOOL_THREAD_COUNT": "32"}, "6", "32"),
        ("cores+4", {}, "6", "1000"),
    ],
)
def test_width_of_the_thread_pool(
    choice: str | None, settings: dict[str, str], first: str, restarted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    pool = ThreadPool(choice, AppSettings(settings))
    assert pool.environment(restarted=False) == {"PYTHON_THREADPOOL_THREAD_COUNT": first}
    assert pool.environment(restarted=True) == {"PYTHON_THREADPOOL_THREAD_COUNT": restarted}


@pytest.mark.parametrize("choice", ["0", "-1", "many", "4.5"])
def test_widths_of_the_thread_pool_that_are_none(choice: str) -> None:
    with pytest.raises(HostFault, match="is no width of the thread pool"):
        ThreadPool(choice, AppSettings({}))
