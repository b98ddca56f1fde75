"""requirements.txt, which Azure installs, is the lock of requirements.in, the list of what the app needs."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.set_up import DEPLOYED, RUNTIME, pins
from tests.infra.predictions import ROOT

LOCK_LINES = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
# What markers such as `python_version < "3.13"` are compared with on an instance in Azure.
AZURE: dict[str, Any] = {
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
}


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**AZURE, "extra": extra})


def _listed() -> list[Requirement]:
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _locked() -> dict[str, str]:
    entries = [line for line in LOCK_LINES if line.strip() and not line.lstrip().startswith("#")]
    matches = [re.fullmatch(r"([a-z0-9-]+)==([\w.]+)", entry) for entry in entries]
    # No options, markers, addresses or ranges: whatever pip Azure's build has, it installs these versions.
    assert all(matches), [entry for entry, match in zip(entries, matches, strict=True) if match is None]
    locked = {match[1]: match[2] for match in matches if match}
    assert len(locked) == len(entries), "a package is locked twice"
    return locked


LOCKED = _locked()


def _needs(name: str, extras: set[str]) -> Iterator[Requirement] | None:
    """Give what a locked package needs in Azure; None where this machine does not have that very version."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return None
    if installed.version != LOCKED[name]:
        return None
    declared = [Requirement(text) for text in installed.requires or []]
    return (need for need in declared if any(_applies(need, extra) for extra in extras | {""}))


def test_each_pin_of_the_list_is_in_the_lock_with_its_version() -> None:
    for pin in filter(_applies, _listed()):
        assert str(pin.specifier) == f"=={LOCKED.get(canonicalize_name(pin.name))}", f"{pin}: run `make lock`"


def test_every_python_gets_exact_versions_from_the_list() -> None:
    for pin in _listed():
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin


def test_the_lock_is_complete_and_holds_nothing_else() -> None:
    """Follow what packages say they need, from the list on: all is locked, in a version that fits, and no more."""
    reached: set[str] = set()
    unknown: set[str] = set()
    waiting = [(canonicalize_name(pin.name), pin.extras) for pin in _listed() if _applies(pin)]
    while waiting:
        name, extras = waiting.pop()
        if name in reached and not extras:
            continue
        reached.add(name)
        needs = _needs(name, extras)
        if needs is None:
            unknown.add(name)
            continue
        for need in needs:
            needed = canonicalize_name(need.name)
            assert needed in LOCKED, f"{name} needs {need}, which is not in the lock: run `make lock`"
            assert need.specifier.contains(LOCKED[needed], prereleases=True), f"{name} needs {need}: run `make lock`"
            waiting.append((needed, need.extras))
    if sys.version_info[:2] == DEPLOYED and sys.platform == "linux":
        assert not unknown, "`make setup` installs what is locked"
    # What a package needs is known only where it is installed in the locked version.
    if not unknown:
        assert set(LOCKED) == reached, "run `make lock`"


def test_each_entry_of_the_lock_says_what_needs_it() -> None:
    text = "\n".join(LOCK_LINES)
    for name in LOCKED:
        reasons = re.search(rf"^{re.escape(name)}==.*\n((?: +#.*\n?)+)", text, re.MULTILINE)
        assert reasons, f"{name}: run `make lock`"
        assert set(re.findall(r"# +(?:via )?([a-z][\w-]*)", reasons[1])) - {"via", "r"} <= set(LOCKED), name


def test_the_lock_says_how_it_is_made() -> None:
    assert LOCK_LINES[1].removeprefix("#").strip() == "make lock"
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlock:")[2].partition("\n\n")[0]
    assert f"--python-version {'.'.join(map(str, DEPLOYED))} " in recipe


def test_the_runtime_is_pinned_once_and_works_with_opentelemetry() -> None:
    # Below 1.3.0 every call of a function fails with PYTHON_ENABLE_OPENTELEMETRY.
    assert tuple(map(int, LOCKED["azure-functions-runtime"].split("."))) >= (1, 3, 0)
    assert "PYTHON_ENABLE_OPENTELEMETRY: 'true'" in (ROOT / "infra/modules/function-app.bicep").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("name", RUNTIME)
def test_the_local_stack_runs_the_runtime_that_azure_runs(name: str) -> None:
    assert f"{name}=={LOCKED[name]}" in pins(RUNTIME)
    assert distribution(name).version == LOCKED[name]
