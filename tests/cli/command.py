"""The installed `geocatalog` command, run as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("geocatalog"))

# A test never sees the settings of whoever runs it.
_SETTINGS = ("GEOCATALOG", "INGEST", "PLANETARY", "AZURE", "IDENTITY")


def clean_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    return own | {"NO_COLOR": "1"} | dict(settings or {})


def run(
    *arguments: str, settings: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env=clean_environment(settings),
        cwd=cwd,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Cli:
    """The command with the settings of a running stack."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return run(*arguments, settings=self.settings, stdin=stdin)

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str, stdin: str | None = None, code: int = 0) -> Any:  # noqa: ANN401 - JSON is any value
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)
