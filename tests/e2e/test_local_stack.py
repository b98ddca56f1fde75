"""The stack itself: what it says when something is in its way, and that its env file serves a shell."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from azure.core.utils import parse_connection_string

from local.stack.indexed import check_indexed
from local.stack.parts import Part, PartError
from shared.settings import read_settings
from tests.integration.host.host_under_test import make_app
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


def test_a_host_that_ends_is_started_again_and_status_tells_why(tmp_path: Path) -> None:
    def status() -> tuple[int, dict[str, Any]]:
        done = local("status", "--json", "--state", str(tmp_path))
        document = json.loads(done.stdout)
        [host] = [part for part in document["parts"] if part["name"] == "Functions host stand-in"] or [{}]
        return done.returncode, host

    assert status() == (1, {})
    with running_stack(tmp_path) as stack:
        assert status() == (0, {**status()[1], "up": True, "restarts": 0, "last_reason": None})
        port = int(stack.env["LOCAL_HOST_URL"].rpartition(":")[2])
        [process] = {
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        }
        assert process is not None
        os.kill(process, signal.SIGKILL)
        code, host = wait_for(lambda: (found := status())[1]["last_reason"] and found, "the end to be noticed")
        assert code == 1 or host["restarts"] == 1
        assert host["last_reason"].startswith("killed by SIGKILL")
        wait_for(lambda: status()[0] == 0, "the host to be back")
        assert status()[1]["restarts"] == 1
        # At its old address, with the app.
        names = {function["name"] for function in requests.get(f"{host['url']}/admin/functions", timeout=10).json()}
        assert "ingest_item" in names


def test_an_app_that_cannot_be_indexed_is_told_to_the_person_who_waits(tmp_path: Path) -> None:
    app = make_app(tmp_path, "missing_module_app", {})
    storage = {"AzureWebJobsStorage": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"}
    host = Part("host", "local.host", ["--app", str(app)], log=tmp_path / "host.log", environment=storage)
    try:
        host.wait_ready()
        with pytest.raises(PartError, match=r"could not index any function.*a_module_that_is_not_installed"):
            check_indexed(host)
    finally:
        host.stop()


def test_a_stack_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    started = local("up", "--detach", "--no-host", "--state", str(tmp_path))
    assert started.returncode == 0, started.stderr
    env = read_env(tmp_path / "env")
    queues = parse_connection_string(env["INGEST_STORAGE"])["queueendpoint"]
    ports = [urlsplit(url).port for url in (env["GEOCATALOG_URL"], queues)]
    os.kill(int((tmp_path / "stack.pid").read_text()), signal.SIGKILL)

    def refuses(port: int | None) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    wait_for(lambda: all(map(refuses, ports)), "the emulator and Azurite to end with their stack")
    again = local("up", "--detach", "--no-host", "--state", str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert local("down", "--state", str(tmp_path)).returncode == 0
