"""What main.bicep and its parameter file say of parameters and outputs."""

import json
import re

from tests.infra.predictions import INFRA

_MAIN = (INFRA / "main.bicep").read_text(encoding="utf-8")
_DECLARED = dict(re.findall(r"^param (\w+) \w+(?: = (.+))?$", _MAIN, flags=re.MULTILINE))

OUTPUTS = frozenset(re.findall(r"^output (\w+) ", _MAIN, flags=re.MULTILINE))
PARAMETERS = frozenset(_DECLARED)
REQUIRED = frozenset(name for name, default in _DECLARED.items() if not default)


def default_of(parameter: str) -> str:
    """Return the default of a parameter as text, without quotes."""
    return str(_DECLARED[parameter]).strip("'")


def given() -> dict[str, tuple[str, str | None]]:
    """Return the parameters that the parameter file gives, each with its variable and that one's default."""
    listed = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    found = {}
    for name, entry in listed.items():
        match = re.fullmatch(r"\$\{(\w+)(?:=(.*))?\}", entry["value"])
        assert match, name
        found[name] = (match[1], match[2])
    return found
