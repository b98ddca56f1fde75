"""Application settings: the environment, over the `Values` of local.settings.json."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from local.host.faults import FunctionFault, HostFault

LOCAL_SETTINGS = "local.settings.json"
_EXPRESSION = re.compile(r"%([^%]+)%")


class AppSettings:
    """Settings by name, regardless of case, as the host's configuration reads them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.environment = dict(values)
        # On Linux the names of sections may be joined by `__`, elsewhere by `:`; both mean the same.
        self._values = {name.replace(":", "__").casefold(): value for name, value in values.items()}

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of a setting; an empty one counts as missing."""
        return self._values.get(name.casefold()) or default

    def is_on(self, name: str) -> bool:
        """Whether a switch is on: its value is `true` or `1`."""
        return (self.get(name) or "").lower() in {"1", "true"}

    def is_disabled(self, function: str) -> bool:
        """Whether a function is switched off by `AzureWebJobs.NAME.Disabled` or `AzureWebJobs_NAME_Disabled`.

        `AzureWebJobs__NAME__Disabled` does nothing: these two names are looked up as they are.
        """
        return any(self.is_on(f"AzureWebJobs{mark}{function}{mark}Disabled") for mark in "._")

    def section(self, name: str) -> dict[str, str]:
        """The settings below a name, as `{"queueserviceuri": …}` for `NAME__queueServiceUri`; names in lower case."""
        prefix = f"{name.casefold()}__"
        return {
            key.removeprefix(prefix): value for key, value in self._values.items() if key.startswith(prefix) and value
        }

    def resolve(self, text: str) -> str:
        """Replace each `%NAME%` in a binding by that setting.

        Raises:
            FunctionFault: A setting is missing.
        """

        def value(match: re.Match[str]) -> str:
            found = self.get(match[1])
            if found is None:
                raise FunctionFault(
                    f"'%{match[1]}%' does not resolve to a value: set the app setting {match[1]} "
                    f"in the environment or in {LOCAL_SETTINGS}."
                )
            return found

        return _EXPRESSION.sub(value, text)


def load_app_settings(app: Path, environment: Mapping[str, str]) -> AppSettings:
    """Read the settings of a function app, as `func start` does.

    Args:
        app: Folder of the app; its local.settings.json is read when it is there.
        environment: Environment variables, which win.

    Raises:
        HostFault: local.settings.json cannot be used.
    """
    values: dict[str, str] = {}
    path = app / LOCAL_SETTINGS
    if path.exists():
        try:
            document = json.loads(path.read_text(encoding="utf-8-sig"))
            found = document.get("Values", {})
            encrypted = document.get("IsEncrypted", False)
            values = {str(name): str(value) for name, value in found.items()}
        except (ValueError, AttributeError, OSError) as error:
            raise HostFault(
                f"{path} cannot be read as an object with an object 'Values' ({error}); correct or remove it."
            ) from None
        if encrypted:
            raise HostFault(f"{path} is encrypted; run `func settings decrypt` in its folder first.")
    return AppSettings(values | dict(environment))
