"""Sets up everything that the project needs into `.venv`, with nothing but Python's standard library.

Run by `make setup` with the machine's own Python, so it must start on any Python 3.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "set-up")
INPUTS = ("requirements.txt", "pyproject.toml", os.path.join("local", "azurite.py"), os.path.join("local", "set_up.py"))

# Microsoft's own Python runtime of the Functions host. It declares Python 3.13 and runs on 3.11 and 3.12 too, which pip
# takes only on its command line.
RUNTIME = ("azure-functions-runtime==1.3.0", "azurefunctions-extensions-base==1.2.0")

PLAN = """Setting up in {venv} (nothing is installed outside the project):
  - a virtual environment of Python {version}
  - the app's and its tools' Python packages       about 350 MB
  - Azurite, Microsoft's storage emulator, by npm  about 250 MB
    (and Node.js from a Python wheel, 230 MB, where this machine has none from 22 on with npm)
It takes one to three minutes, once."""


def main():
    """Sets up what is missing; does nothing where all is in place."""
    python = find_python()
    if is_done():
        return
    print(PLAN.format(venv=os.path.relpath(VENV), version="{}.{}".format(*version_of(python))), flush=True)
    started = time.time()
    if os.path.exists(STAMP):
        os.remove(STAMP)
    if not os.path.exists(venv_python()) or version_of(venv_python()) is None:
        shutil.rmtree(VENV, ignore_errors=True)
        run(
            [python, "-m", "venv", VENV],
            "Python could not make a virtual environment; on Debian and Ubuntu install the package python3-venv",
        )
    pip = [venv_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    network = "pip could not install the project's packages; is the package registry reachable?"
    run([*pip, "--editable", ROOT + "[cli,local,dev]"], network)
    run([*pip, "--ignore-requires-python", "--no-deps", *RUNTIME], network)
    run([venv_python(), "-m", "local.azurite", "--install"], "Azurite could not be installed")
    with open(STAMP, "w") as stamp:
        stamp.write(fingerprint())
    print("Set up in {:.0f} s.".format(time.time() - started), flush=True)


def find_python():
    """Returns a Python of a version that the project runs on: this one, or one on PATH."""
    candidates = [sys.executable]
    candidates += [shutil.which("python3.{}".format(minor)) for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    for candidate in candidates:
        version = version_of(candidate) if candidate else None
        if version and OLDEST <= version <= NEWEST:
            return candidate
    sys.exit(
        "This needs Python {}.{} to {}.{} and found {}.{}; install one, or name it: make PYTHON=/path/to/python3.13".format(
            *OLDEST, *NEWEST, *sys.version_info[:2]
        )
    )


def version_of(python):
    """Returns the version of a Python as (major, minor); None where it does not run."""
    try:
        said = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(int(part) for part in said.stdout.split())


def is_done():
    """Tells whether everything is in place for these very files."""
    if not os.path.exists(STAMP) or version_of(venv_python()) is None:
        return False
    with open(STAMP) as stamp:
        return stamp.read() == fingerprint()


def fingerprint():
    """Returns a digest of what decides what is installed, and where: a moved folder is set up anew."""
    digest = hashlib.sha256(ROOT.encode())
    for name in INPUTS:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def venv_python():
    """Returns the path of the virtual environment's Python."""
    return os.path.join(VENV, "Scripts", "python.exe") if os.name == "nt" else os.path.join(VENV, "bin", "python")


def run(command, failure):
    """Runs one step; where it fails, says what failed, its last words, and what to do."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()
        sys.exit("{}.\n{}".format(failure.rstrip("."), "\n".join(said.splitlines()[-15:])))


if __name__ == "__main__":
    main()
