"""The timer scenarios that were recorded with the real listener, run on the stand-in's.

A schedule cannot be shortened, so their moments are real: a minute at most, all scenarios at the same time.
"""

import concurrent.futures
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite
from local.host.storage.host_blobs import lock_blob, timer_status_blob
from local.host.timers.listener import TimerListener, TimerOptions
from local.host.timers.schedule import Schedule
from local.host.timers.status import TimerMonitor, TimerStatus

ALL: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("timers.json").read_text())["scenarios"]
IS_UNSCALED = "RECORDINGS_RECEIVE_VISIBILITY" in os.environ
SCENARIOS = {name: one for name, one in ALL.items() if IS_UNSCALED or not one.get("unscaled_only")}
# On a busy machine a run begins late; it never begins more than 2 ms early.
EARLY, LATE = 0.002, 4.0


class TimerReplay:
    """One scenario, the runs of its function, and the record that is there before the first of them."""

    def __init__(self, scenario: dict[str, Any], blobs: BlobServiceClient) -> None:
        self.runs: list[tuple[datetime, datetime, TimerStatus | None, bool]] = []
        self.first_record: TimerStatus | None = None
        self._scenario = scenario
        host_id = f"recordings-{uuid.uuid4().hex[:10]}"
        self._monitor = TimerMonitor(timer_status_blob(blobs, host_id, "timer"))
        self._schedule = Schedule(scenario["schedule"], UTC)
        self.started = datetime.now(UTC)
        if scenario["record"]:
            last = self.started - timedelta(seconds=scenario["record"]["ago"])
            following = Schedule(scenario["record"]["schedule"], UTC).next_after(last)
            self._monitor.write(TimerStatus(last, following, last))
        monitored = scenario.get("monitor", True) and self._schedule.is_monitored()
        self._listener = TimerListener(
            "timer",
            self._schedule,
            TimerOptions(run_on_startup=scenario.get("run_on_startup", False), lock_period=60, lock_recovery=60),
            lock_blob=lock_blob(blobs, host_id, "timer"),
            monitor=self._monitor if monitored else None,
            run=self._run,
        )

    def run(self) -> "TimerReplay":
        """Run the scenario until all its runs have begun; returns itself."""
        self._listener.start()
        end = time.monotonic() + 80 + 2 * self._scenario.get("runs_long", 0)
        while len(self.runs) < len(self._scenario["runs"]) and time.monotonic() < end:
            if not self.runs and self.first_record is None:
                self.first_record = self._monitor.read()
            time.sleep(0.05)
        self._listener.stop_receiving()
        self._listener.wait_until_idle(self._scenario.get("runs_long", 0) + 10)
        return self

    def _run(self, status: TimerStatus | None, past_due: bool) -> "concurrent.futures.Future[bool]":
        began = datetime.now(UTC)
        done: concurrent.futures.Future[bool] = concurrent.futures.Future()
        seconds = self._scenario.get("runs_long", 0)
        ends = began + timedelta(seconds=seconds)
        self.runs.append((began, ends, status, past_due))
        threading.Timer(seconds, done.set_result, [not self._scenario.get("fails")]).start()
        return done


@pytest.fixture(scope="module")
def replays(azurite: Azurite) -> Iterator[dict[str, TimerReplay]]:
    with (
        BlobServiceClient.from_connection_string(azurite.connection_string()) as blobs,
        ThreadPoolExecutor(len(SCENARIOS)) as threads,
    ):
        running = {name: threads.submit(TimerReplay(one, blobs).run) for name, one in SCENARIOS.items()}
        yield {name: future.result() for name, future in running.items()}


@pytest.mark.parametrize("name", SCENARIOS)
def test_recorded_timer(name: str, replays: dict[str, TimerReplay]) -> None:
    scenario, replay = SCENARIOS[name], replays[name]
    schedule = Schedule(scenario["schedule"], UTC)
    assert len(replay.runs) >= len(scenario["runs"])
    ended = replay.started
    for (at, past_due, has_last, is_updated), (began, ends, status, was_past_due) in zip(
        scenario["runs"], replay.runs, strict=False
    ):
        assert was_past_due is past_due
        # A tick from just before the run; the ends of runs before it are never later than its begin.
        tick = schedule.next_after(began + timedelta(seconds=EARLY) - timedelta(seconds=LATE))
        due = {"start": replay.started, "tick": tick, "after": ended}[at]
        assert -EARLY <= (began - due).total_seconds() <= LATE, (at, began, due)
        assert began >= ended - timedelta(seconds=0.001)
        assert (status is None) == (has_last is None)
        if status is not None:
            assert (status.last is not None) is has_last
            assert (status.last_updated is not None) is is_updated
            if at == "tick":
                assert status.next == tick
        ended = ends
    if scenario.get("first_record"):
        # The record has the moment of the start, though the first run is not shown it.
        assert replay.first_record is not None
        assert replay.first_record.last is None
        assert replay.first_record.last_updated is not None
