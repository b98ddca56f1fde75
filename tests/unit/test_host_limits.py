"""How wide and how long the app may work, read from host.json and its overrides as the host reads them."""

from datetime import timedelta
from typing import Any

import pytest

from shared.basics.errors import SettingsError
from shared.basics.host_limits import host_limits, read_host_limits

QUEUES = "AzureFunctionsJobHost__extensions__queues__"


def of(environment: dict[str, str] | None = None, **host_json: Any) -> tuple[int, float]:
    limits = read_host_limits(host_json, environment or {})
    return limits.queue_width, limits.invocation.total_seconds()


def test_the_app_s_own() -> None:
    assert host_limits().queue_width == 32
    assert host_limits().invocation == timedelta(minutes=4)


@pytest.mark.parametrize(
    ("environment", "width"),
    [
        ({}, 12),
        ({QUEUES + "batchSize": "4"}, 12 - 8 + 4),
        ({QUEUES.lower() + "NEWBATCHTHRESHOLD": "0", QUEUES + "batchSize": "32"}, 32),
    ],
)
def test_as_many_as_the_host_gives_at_once(environment: dict[str, str], width: int) -> None:
    queues = {"batchSize": 8, "newBatchThreshold": 4}
    assert of(environment, extensions={"queues": queues})[0] == width


def test_where_host_json_is_silent_the_host_s_own_values_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert of() == (16 + 8 * 3, 240)
    assert of(extensions={"queues": {"batchSize": 4}})[0] == 4 + 2 * 3


@pytest.mark.parametrize(
    ("timeout", "seconds"), [("00:05:00", 240), ("00:00:10", 8), ("1.00:00:00", 240), ("-1", 240), ("00:02:30", 120)]
)
def test_a_run_ends_before_the_host_would_end_the_worker(timeout: str, seconds: float) -> None:
    assert of(functionTimeout=timeout)[1] == seconds
    assert of({"AzureFunctionsJobHost__functionTimeout": timeout}, functionTimeout="00:00:05")[1] == seconds


@pytest.mark.parametrize("override", [QUEUES + "batchSize", "AzureFunctionsJobHost__functionTimeout"])
def test_a_value_that_the_host_refuses_is_named(override: str) -> None:
    with pytest.raises(SettingsError, match=override.rpartition("__")[2]):
        of({override: "many"})
