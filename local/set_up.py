"""Sets up everything that the project needs into `.venv`, with nothing but Python's standard library.

Run by `make setup` with the machine's own Python, whatever its version.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "set-up"
INPUTS = ("requirements.in", "requirements.txt", "pyproject.toml", "local/azurite_install.py", "local/set_up.py")

# The Python that Azure runs, for which requirements.txt is the lock.
DEPLOYED = (3, 13)
# Microsoft's Python runtime for the Functions host, and what it needs beside azure-functions. It declares Python 3.13
# and runs on 3.11 and 3.12 too; pip takes that only on its command line.
RUNTIME = ("azure-functions-runtime", "azurefunctions-extensions-base")

PLAN = """Setting up in .venv (nothing is installed outside the project):
  - a virtual environment of Python {version}
  - the app's and its tools' Python packages       about 700 MB
  - Azurite, Microsoft's storage emulator, by npm  about 250 MB
    (and Node.js from a Python wheel, 230 MB, where this machine has none from 22 on with npm)
It takes one to three minutes, once."""


def main() -> None:
    """Sets up what is missing; does nothing where all is in place."""
    if is_done():
        return
    python = find_python()
    say(PLAN.format(version=".".join(map(str, version_of(python) or ()))))
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if version_of(str(PYTHON)) is None:
        shutil.rmtree(VENV, ignore_errors=True)
        without_venv = "Python could not make a virtual environment; on Debian and Ubuntu install package python3-venv."
        run([python, "-m", "venv", str(VENV)], without_venv)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    without_network = "pip could not install the project's packages; is the package registry reachable?"
    if version_of(str(PYTHON)) == DEPLOYED:
        # The tests then run with the very packages that Azure installs.
        run([*pip, "--constraint", "requirements.txt", "--editable", f"{ROOT}[cli,parquet,local,dev]"], without_network)
    else:
        run([*pip, "--editable", f"{ROOT}[cli,parquet,local,dev]"], without_network)
        run([*pip, "--ignore-requires-python", "--no-deps", *pins(RUNTIME)], without_network)
    run([str(PYTHON), "-m", "local.azurite_install"], "Azurite could not be installed.")
    STAMP.write_text(fingerprint(), encoding="utf-8")
    say(f"Set up in {time.monotonic() - started:.0f} s.")


def find_python() -> str:
    """Returns a Python of a version that the project runs on: this one, or one on PATH."""
    named = (shutil.which(f"python3.{minor}") for minor in range(NEWEST[1], OLDEST[1] - 1, -1))
    for candidate in (sys.executable, *named):
        version = version_of(candidate) if candidate else None
        if candidate and version and OLDEST <= version <= NEWEST:
            return candidate
    oldest, newest, found = (".".join(map(str, version)) for version in (OLDEST, NEWEST, sys.version_info[:2]))
    sys.exit(f"This needs Python {oldest} to {newest} and found {found}; install one, or name it: make PYTHON=/path")


def pins(names: tuple[str, ...]) -> list[str]:
    """Return packages with the versions that Azure installs, as `name==version`."""
    lock = ROOT.joinpath("requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lock if line.partition("==")[0] in names]


def version_of(python: str) -> tuple[int, ...] | None:
    """Returns the version of a Python as (major, minor); None where it does not run."""
    asked = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(map(int, said.stdout.split()))


def is_done() -> bool:
    """Tells whether everything is in place for these very files."""
    return STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint() and version_of(str(PYTHON)) is not None


def fingerprint() -> str:
    """Returns a digest of what decides what is installed, and where: a moved folder is set up anew."""
    contents = (ROOT.joinpath(name).read_bytes() for name in INPUTS)
    return hashlib.sha256(b"\n".join([str(ROOT).encode(), *contents])).hexdigest()


def run(command: list[str], failure: str) -> None:
    """Runs one step; where it fails, says what failed, its last words, and ends."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    if done.returncode:
        last_words = "\n".join(done.stdout.strip().splitlines()[-15:])
        sys.exit(f"{failure} It said:\n{last_words}")


def say(text: str) -> None:
    """Tells the user, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
