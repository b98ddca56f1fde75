import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

TOKEN = "/api/sas/v1/token/sentinel-2-l2a"


@pytest.fixture
def emulator(planetary_computer: str) -> Iterator[str]:
    """The emulator that all tests share, undisturbed before and after."""
    requests.post(f"{planetary_computer}/_emulator/reset", timeout=10)
    yield planetary_computer
    requests.post(f"{planetary_computer}/_emulator/reset", timeout=10)


def put_behavior(url: str, behavior: Any) -> requests.Response:  # noqa: ANN401 - also what is no behavior
    return requests.put(f"{url}/_emulator/behavior", json=behavior, timeout=10)


def test_it_is_ready(emulator: str) -> None:
    assert requests.get(f"{emulator}/_emulator/health", timeout=10).json() == {"status": "ready"}


def test_faults_befall_matching_paths_as_often_as_asked(emulator: str) -> None:
    fault = {"path": "/api/sas/v1/token/*", "status": 503, "count": 2}
    assert put_behavior(emulator, {"faults": [fault]}).json()["faults"] == [fault | {"delay_seconds": 0}]
    statuses = [requests.get(f"{emulator}{TOKEN}", timeout=10).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]
    put_behavior(emulator, {"faults": [{"path": "/api/*", "status": 500}]})
    assert {requests.get(f"{emulator}{TOKEN}", timeout=10).status_code for _ in range(5)} == {500}
    assert requests.post(f"{emulator}/_emulator/reset", timeout=10).status_code == 204
    assert requests.get(f"{emulator}{TOKEN}", timeout=10).status_code == 200


def test_the_life_of_tokens_changes_while_it_runs(emulator: str) -> None:
    put_behavior(emulator, {"sas_life": 600})
    expiry = requests.get(f"{emulator}{TOKEN}", timeout=10).json()["msft:expiry"]
    left = dt.datetime.fromisoformat(expiry) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=9) < left < dt.timedelta(minutes=11)


def test_expired_tokens_are_of_no_use(emulator: str) -> None:
    put_behavior(emulator, {"token_fault": "expired"})
    answer = requests.get(f"{emulator}{TOKEN}", timeout=10).json()
    assert dt.datetime.fromisoformat(answer["msft:expiry"]) < dt.datetime.now(dt.UTC)
    item = requests.get(f"{emulator}/api/stac/v1/search?limit=1", timeout=10).json()["features"][0]
    assert requests.get(f"{item['assets']['B09']['href']}?{answer['token']}", timeout=10).status_code == 403


def test_requests_are_listed_without_control_and_queries(emulator: str) -> None:
    started = time.time()
    requests.get(f"{emulator}{TOKEN}?secret=1", timeout=10)
    requests.get(f"{emulator}/nothing", timeout=10)
    listed = requests.get(f"{emulator}/_emulator/requests", timeout=10).json()
    assert [(each["method"], each["path"], each["status"]) for each in listed] == [
        ("GET", TOKEN, 200),
        ("GET", "/nothing", 404),
    ]
    assert all(started - 1 <= each["time"] <= time.time() + 1 for each in listed)
    requests.post(f"{emulator}/_emulator/reset", timeout=10)
    assert requests.get(f"{emulator}/_emulator/requests", timeout=10).json() == []


@pytest.mark.parametrize("behavior", [{"nonsense": 1}, {"sas_life": 0}, {"faults": [{"status": 503}]}, [], "x"])
def test_what_is_no_behavior_is_refused(emulator: str, behavior: Any) -> None:  # noqa: ANN401 - anything
    before = requests.get(f"{emulator}/_emulator/behavior", timeout=10).json()
    answer = put_behavior(emulator, behavior)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("This is no behavior: ")
    assert requests.get(f"{emulator}/_emulator/behavior", timeout=10).json() == before
