"""The stack itself: what it says when something is in its way, and that its env file serves a shell."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from shared.settings import read_settings
from tests.running_stack import GEOCATALOG, read_env, running_stack, wait_for


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GEOCATALOG, "local", *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_a_port_already_taken_is_said_in_a_sentence_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = local("up", "--no-host", "--port", f"geocatalog={port}", "--state", str(tmp_path))
    assert done.returncode == 1
    assert f"GeoCatalog emulator: cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "env").exists()
    assert "No stack is running" in local("down", "--state", str(tmp_path)).stdout


def test_an_unknown_part_is_wrong_usage(tmp_path: Path) -> None:
    done = local("up", "--port", "geocat=80", "--state", str(tmp_path))
    assert done.returncode == 2
    assert "geocat=80" in done.stderr


def test_a_running_stack_serves_a_shell_and_refuses_a_second_one_in_its_folder(tmp_path: Path) -> None:
    with running_stack(tmp_path, "--no-host", settings={"TRACK_SCHEDULE": "*/7 * * * * *"}) as stack:
        by_shell = subprocess.run(
            ["bash", "-c", f"set -a; . {tmp_path}/env; env -0"], capture_output=True, text=True, check=True
        )
        seen = dict(line.partition("=")[::2] for line in by_shell.stdout.split("\0"))
        assert {name: seen[name] for name in stack.env} == stack.env
        assert seen["TRACK_SCHEDULE"] == "*/7 * * * * *"
        assert read_settings(seen).geocatalog_url == stack.env["GEOCATALOG_URL"]
        second = local("up", "--state", str(tmp_path))
        assert second.returncode == 1
        assert "runs in" in second.stderr
        assert oct((tmp_path / "env").stat().st_mode)[-3:] == "600"


def test_a_stack_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    started = local("up", "--detach", "--no-host", "--state", str(tmp_path))
    assert started.returncode == 0, started.stderr
    port = int(read_env(tmp_path / "env")["GEOCATALOG_URL"].rpartition(":")[2])
    os.kill(int((tmp_path / "stack.pid").read_text()), signal.SIGKILL)

    def refuses() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    wait_for(refuses, "the emulator to end with its stack")
    again = local("up", "--detach", "--no-host", "--state", str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert local("down", "--state", str(tmp_path)).returncode == 0
