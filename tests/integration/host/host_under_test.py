"""Starts the host stand-in with one of the sample apps, as its own process, and reads what the functions recorded."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

from local.azurite import Azurite

T = TypeVar("T")
APPS = Path(__file__).with_name("apps")
ROOT = Path(__file__).parents[3]
START_SECONDS = 120.0


def unique_name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def eventually(probe: Callable[[], T | None], *, seconds: float = 60.0, explain: Callable[[], str] = str) -> T:
    """Wait until a probe returns something true, and return that."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < end, f"the condition did not come true in time\n{explain()}"
        time.sleep(0.05)


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def storage_settings(azurite: Azurite) -> dict[str, str]:
    connection_string = azurite.connection_string()
    return {"AzureWebJobsStorage": connection_string, "INGEST_STORAGE": connection_string}


def make_app(folder: Path, sample: str, host_json: Mapping[str, Any]) -> Path:
    """Lay out a function app: a sample as its function_app.py, and its host.json."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(APPS / f"{sample}.py", folder / "function_app.py")
    (folder / "host.json").write_text(json.dumps({"version": "2.0", **host_json}))
    return folder


class RunningHost:
    """One host process; as a context manager it is stopped, and killed if it does not stop."""

    def __init__(self, app: Path, settings: Mapping[str, str], *arguments: str) -> None:
        self.records_path = app / f"{unique_name('records')}.jsonl"
        self.log_path = app / f"{unique_name('host')}.log"
        inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        environment = {**inherited, "PYTHONPATH": str(ROOT), "RECORDS": str(self.records_path), **settings}
        environment.setdefault("AzureFunctionsWebHost__hostid", unique_name("host"))
        self.host_id = environment["AzureFunctionsWebHost__hostid"]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.host", "--app", str(app), *arguments],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self) -> Self:
        def listening() -> str | None:
            assert self.process.poll() is None, self.log
            marks = [line for line in self.log.splitlines() if " listening on " in line]
            return marks[0] if marks else None

        self.url = eventually(listening, seconds=START_SECONDS).rpartition(" ")[2]
        assert requests.get(f"{self.url}/_emulator/health", timeout=30).json() == {"status": "ready"}
        return self

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def records(self, **wanted: object) -> list[dict[str, Any]]:
        """What the functions recorded, in order, as far as it has these values."""
        if not self.records_path.exists():
            return []
        # A line that is being written has no end yet.
        lines = self.records_path.read_text().rpartition("\n")[0].splitlines()
        records = [json.loads(line) for line in lines]
        return [record for record in records if wanted.items() <= record.items()]

    def eventually_records(self, count: int = 1, *, seconds: float = 60.0, **wanted: object) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]] | None:
            found = self.records(**wanted)
            return found if len(found) >= count else None

        return eventually(enough, seconds=seconds, explain=lambda: self.log)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def __enter__(self) -> Self:
        try:
            return self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
                raise
