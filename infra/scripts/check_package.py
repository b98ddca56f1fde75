"""Before a deployment: check that the app, as it is packaged, has all its functions; end with 1 and the reason if not.

One wrong parameter name or one failing import leaves a deployed app without functions, and Azure does not say why. So
this packages the app as `azd` does, installs requirements.txt in a fresh environment, and indexes the package with
Microsoft's Python runtime. It needs Python and git, and changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hook_tools import ROOT, TIMEOUT, HookFailed, run, say

sys.path.insert(0, str(ROOT))

from local.set_up import DEPLOYED, PYTHON, RUNTIME, find_python, pins, version_of

DEPLOYED_NAME = ".".join(map(str, DEPLOYED))
# `azd` leaves these out of a package of a function app, whatever .funcignore says
# (createDeployableZip in cli/azd/pkg/project/project_utils.go of github.com/Azure/azure-dev).
ALWAYS_LEFT_OUT = {".azure", ".funcignore", "local.settings.json"}
# What a program needs of this machine's environment. The app gets no settings: it reads them with its first call.
KEPT_VARIABLES = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG")
# Seconds that installing about 70 packages may take, from a slow registry.
INSTALL_TIMEOUT = 900


def main() -> int:
    """Check the package; return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--python", help="a Python that has the app's packages; nothing is installed then")
    python = arguments.parse_args().python
    if os.environ.get("SKIP_PACKAGE_CHECK", "").lower() in {"1", "true"}:
        say("SKIP_PACKAGE_CHECK is set: the package was not checked.")
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="package-") as folder:
            say(check(Path(folder), python))
    except HookFailed as failure:
        say(f"The app was not deployed. {failure}")
        return 1
    return 0


def check(folder: Path, python: str | None) -> str:
    """Package, install and index the app.

    Args:
        folder: An empty folder for the package and its environment.
        python: A Python that has the app's packages; None to make one.

    Returns:
        A sentence about what was found.

    Raises:
        HookFailed: A function is missing, an import fails, or the check could not be done.
    """
    package = folder / "package"
    files = packaged_files(folder)
    for name in files:
        target = package / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    found = index(package, python or fresh_environment(folder), folder / "index.json")
    if found["faults"]:
        raise HookFailed("Its package has faults:\n" + "\n".join(found["faults"]))
    if not found["functions"]:
        raise HookFailed("function_app.py of the package has no function.")
    declared = set(json.loads((ROOT / "infra" / "functions.json").read_text(encoding="utf-8")))
    if missing := sorted(declared - set(found["functions"])):
        raise HookFailed(f"Its package lacks {', '.join(missing)}: function_app.py does not register them.")
    if unknown := sorted(set(found["functions"]) - declared):
        raise HookFailed(f"infra/functions.json does not list {', '.join(unknown)}: add them.")
    return f"The package has {len(files)} files and all {len(declared)} functions."


def packaged_files(folder: Path) -> list[str]:
    """Return the files that .funcignore leaves for the package, as paths below the project.

    Git reads .funcignore, since its patterns are those of a .gitignore: an empty repository, which knows no file yet,
    lists all that are not ignored.
    """
    if not shutil.which("git"):
        raise HookFailed("Git is not installed; it tells which files .funcignore leaves.")
    repository = folder / "repository"
    run(["git", "init", "--quiet", "--bare", str(repository)], "Git could not make a repository.")
    listing = ["git", "-C", str(ROOT), f"--git-dir={repository}", f"--work-tree={ROOT}", "ls-files", "-z", "--others"]
    listed = run([*listing, f"--exclude-from={ROOT / '.funcignore'}"], "Git could not read .funcignore.").split("\0")
    left = [name for name in listed if name and not ALWAYS_LEFT_OUT & set(Path(name).parts)]
    return sorted(name for name in left if (ROOT / name).is_file())


def fresh_environment(folder: Path) -> str:
    """Return the Python of a new environment with the app's packages: those of the lock where Python 3.13 is there."""
    base = deployed_python()
    python = folder / "environment" / PYTHON.relative_to(PYTHON.parents[1])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([base or find_python(), "-m", "venv", str(folder / "environment")], "Python could not make an environment.")
    if base:
        fault = "requirements.txt could not be installed."
        run([*pip, "--no-deps", "--requirement", str(ROOT / "requirements.txt")], fault, INSTALL_TIMEOUT)
        run([*pip[:4], "check"], "requirements.txt is not complete; run `make lock`.")
        return str(python)
    say(
        f"There is no Python {DEPLOYED_NAME} on this machine, so the package is checked with "
        f"Python {'.'.join(map(str, version_of(str(python)) or ()))} and the packages of requirements.in. "
        f"Whether requirements.txt can be installed on Python {DEPLOYED_NAME}, and the app runs there, is not checked."
    )
    fault = "requirements.in could not be installed."
    run([*pip, "--requirement", str(ROOT / "requirements.in")], fault, INSTALL_TIMEOUT)
    run([*pip, "--ignore-requires-python", "--no-deps", *pins(RUNTIME)], fault, INSTALL_TIMEOUT)
    return str(python)


def deployed_python() -> str | None:
    """Return a Python of the version that Azure runs: this one, the project's, or one of PATH, py or pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [
        sys.executable,
        str(PYTHON),
        shutil.which(f"python{DEPLOYED_NAME}"),
        *map(str, pyenv.glob(f"versions/{DEPLOYED_NAME}*/bin/python")),
    ]
    if launcher := shutil.which("py"):
        asked = [launcher, f"-{DEPLOYED_NAME}", "-c", "import sys; print(sys.executable)"]
        candidates.append(
            subprocess.run(asked, capture_output=True, text=True, timeout=TIMEOUT, check=False).stdout.strip()
        )
    return next((found for found in candidates if found and version_of(found) == DEPLOYED), None)


def index(package: Path, python: str, result: Path) -> dict[str, list[str]]:
    """Return what index_app.py finds in a package: its `functions` and `faults`."""
    program = str(ROOT / "infra" / "scripts" / "index_app.py")
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    fault = "The app could not be indexed."
    run([python, "-I", program, str(ROOT), str(package), str(result)], fault, environment=environment)
    found: dict[str, list[str]] = json.loads(result.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    sys.exit(main())
