"""What the deployment's hooks share: running programs with a time-out, and telling who deploys what happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Seconds that a program may take which waits for this machine or one call of Azure only.
TIMEOUT = 300


class HookFailed(Exception):
    """What a hook found wrong, or could not do; the text says why, and what to do."""


def deployed(name: str) -> str:
    """Return an output or a setting of the deployment, which azd puts into the environment of its hooks."""
    value = os.environ.get(name)
    if not value:
        raise HookFailed(f"{name} is not set. `azd` sets it for its hooks; see docs/deploy.md.")
    return value


def az(*arguments: str) -> list[dict[str, Any]]:
    """Call the Azure CLI and return the objects that it prints as JSON: of a list each, otherwise the one, if any."""
    program = shutil.which("az")
    if not program:
        raise HookFailed("There is no Azure CLI (az) on the PATH; install it and run the hook again.")
    printed = run([program, *arguments, "--output", "json"], f"az {' '.join(arguments[:3])} failed.")
    found = json.loads(printed) if printed.strip() else []
    return found if isinstance(found, list) else [found]


def run(command: list[str], fault: str, timeout: int = TIMEOUT, environment: dict[str, str] | None = None) -> str:
    """Return what a program prints; raise HookFailed with its last words where it fails or takes too long."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise HookFailed(f"{fault} {name} took more than {timeout} s.") from error
    if done.returncode:
        last_words = "\n".join(f"{done.stdout}\n{done.stderr}".strip().splitlines()[-15:])
        raise HookFailed(f"{fault} {name} ended with {done.returncode}. {last_words}".strip())
    return done.stdout


def say(text: str) -> None:
    """Tell who deploys."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
