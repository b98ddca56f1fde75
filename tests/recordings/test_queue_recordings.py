"""The queue scenarios that were recorded with the real listeners, run on the stand-in's.

`make test` shortens the host's durations; `make recordings` runs them at their full length. Order of calls and
requested visibility are compared as they are (whole seconds of the shortened ones), moments by the same share.
"""

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite
from local.host.configuration.app_settings import AppSettings
from local.host.configuration.durations import RECEIVE_VISIBILITY, Durations
from local.host.storage.connections import Connections
from tests.recordings.queue_replay import SLACK_SECONDS, QueueReplay
from tests.recordings.recording_proxy import RecordingProxy

SCENARIOS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("queues.json").read_text())["scenarios"]
DURATIONS = Durations(int(os.environ.get("RECORDINGS_RECEIVE_VISIBILITY", "20")))
# Two pauses, each a fifth longer or shorter, differ by half at most.
EARLIEST, LATEST = 0.6, 1.5
# A listener that was woken must be quicker than its back-off, which is seconds by then.
WOKEN_SECONDS = 2.0


def service(connection_string: str) -> QueueServiceClient:
    """Return the host's own client."""
    settings = AppSettings({"AzureWebJobsStorage": connection_string})
    return Connections(settings, DURATIONS).get(None).queue_service()


@pytest.fixture(scope="module")
def replays(azurite: Azurite) -> Iterator[dict[str, QueueReplay]]:
    """Every scenario, all at the same time: most of it is waiting."""
    real = azurite.connection_string()
    with RecordingProxy(azurite.queue_endpoint()) as proxy, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxied = service(real.replace(azurite.queue_endpoint(), proxy.endpoint))
        refused = service(
            real.replace(azurite.queue_endpoint(), f"http://127.0.0.1:{nobody.getsockname()[1]}/devstoreaccount1")
        )
        with (
            QueueServiceClient.from_connection_string(real) as direct,
            ThreadPoolExecutor(len(SCENARIOS)) as threads,
        ):
            running = {
                name: threads.submit(
                    QueueReplay(
                        scenario,
                        DURATIONS,
                        direct=direct,
                        proxied=refused if scenario.get("refused") else proxied,
                        proxy=proxy,
                    ).run
                )
                for name, scenario in SCENARIOS.items()
            }
            yield {name: future.result() for name, future in running.items()}


def requested(visibility: int | None) -> int | None:
    """Return the recorded visibility as it is asked for with the shortened durations: in whole seconds, at least 1."""
    return None if visibility is None else max(1, round(visibility * DURATIONS.receive_visibility / RECEIVE_VISIBILITY))


@pytest.mark.parametrize("name", SCENARIOS)
def test_recorded_scenario(name: str, replays: dict[str, QueueReplay]) -> None:
    scenario, replay = SCENARIOS[name], replays[name]
    expected, calls = scenario["calls"], replay.calls
    if scenario.get("poison_listener"):
        # Two listeners: each has an order of its own.
        expected, calls = sorted(expected, key=lambda call: call[2]), sorted(calls, key=lambda pair: pair[1])
    seen = [[call.operation, queue, call.status, call.visibility] for call, queue in calls]
    if scenario.get("open") or scenario.get("prefix_of"):
        # What was recorded is the beginning of what would go on.
        seen = seen[: len(expected)]
    wanted = [[operation, queue, status, requested(visibility)] for _, operation, queue, status, visibility in expected]
    assert wanted == seen or not expected
    slack = WOKEN_SECONDS if scenario.get("poison_listener") else SLACK_SECONDS
    for (at, *_), (call, _) in zip(expected, calls, strict=False):
        moment, real = call.at - calls[0][0].at, at * DURATIONS.scale
        assert EARLIEST * real - 0.3 <= moment <= LATEST * real + slack, (name, at, moment)
    if scenario["stops"] is None:
        assert replay.stopped_after is None
    else:
        assert replay.stopped_after is not None
        real = scenario["stops"] * DURATIONS.scale
        assert EARLIEST * real - 0.3 <= replay.stopped_after <= LATEST * real + SLACK_SECONDS
    assert replay.runs == scenario.get("runs", replay.runs)
    assert replay.most_at_once == scenario.get("most_at_once", replay.most_at_once)
    assert replay.left.items() >= scenario["left"].items()
