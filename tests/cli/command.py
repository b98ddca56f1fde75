"""The installed `geocatalog` command, run as a process: started anew, or forked from one that has its modules."""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("geocatalog"))
_SECONDS = 120

# A test never sees the settings of whoever runs it.
_SETTINGS = ("GEOCATALOG", "INGEST", "PLANETARY", "AZURE", "IDENTITY")

# Loading these takes most of the time of a short command, and there are hundreds in the tests.
_LOADED = [
    "cli.main", "cli.settings.connection", "cli.send.enqueue_command", "cli.catalog.download_command",
    "cli.collections.apply_command", "cli.doctor.doctor_command", "cli.recover.replay_command",
]  # fmt: skip
_processes = multiprocessing.get_context(
    "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else None
)
_processes.set_forkserver_preload(["__main__", *_LOADED, "azure.identity", "rich.table"])


def clean_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    return own | {"NO_COLOR": "1"} | dict(settings or {})


def run(
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | bytes | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs the installed program."""
    done = subprocess.run(
        [COMMAND, *arguments],
        env=clean_environment(settings),
        cwd=cwd,
        input=_encoded(stdin),
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def run_forked(
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | bytes | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs the program's `main` in a process of its own, forked from one that has loaded its modules."""
    with tempfile.TemporaryDirectory() as folder:
        standard = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        standard[0].write_bytes(_encoded(stdin) or b"")
        process = _processes.Process(
            target=_be_the_command, args=(arguments, clean_environment(settings), cwd or Path.cwd(), standard)
        )
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, _SECONDS)
        out, err = (path.read_text(encoding="utf-8") for path in standard[1:])
        return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def _be_the_command(arguments: tuple[str, ...], environment: dict[str, str], cwd: Path, standard: list[Path]) -> None:
    from cli.main import main  # noqa: PLC0415 - loaded already

    for number, path in enumerate(standard):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - the process's own
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = [COMMAND, *arguments]
    main()


def _encoded(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text


class Cli:
    """The command with the settings of a running stack."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> subprocess.CompletedProcess[str]:
        return run_forked(*arguments, settings=self.settings, stdin=stdin)

    def ok(self, *arguments: str, stdin: str | bytes | None = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str, stdin: str | bytes | None = None, code: int = 0) -> Any:  # noqa: ANN401 - JSON is any value
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)
