"""How the emulator behaves while it runs: delays, faults, failing operations, and undecided answers."""

import random
import re
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from local.geocatalog.decisions import Decisions
from local.geocatalog.errors import IngestionError, bad_request

Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    STATUS = "status"  # answered with `status` instead of being worked on
    RESET = "reset"  # the connection is reset, nothing is done
    HANG = "hang"  # never answered, nothing is done
    LOSE_RESPONSE = "lose_response"  # worked on, then the connection is reset


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fault(_Strict):
    """A fault of some requests. `path` may hold `*`, which stands for any characters, slashes included."""

    method: str = "*"
    path: str = "*"
    kind: FaultKind = FaultKind.STATUS
    status: Annotated[int, Field(ge=400, le=599)] = 503
    retry_after: Annotated[float, Field(ge=0)] | None = None
    probability: Probability = 1.0
    count: Count | None = None

    def matches(self, method: str, path: str) -> bool:
        """Tell whether the fault concerns this request."""
        return self.method in ("*", method) and _pattern(self.path).fullmatch(path) is not None


class OperationFailure(_Strict):
    """A failure of some operations; `types` of None means all."""

    code: str
    message: str = "This failure was asked for through /_emulator/behavior."
    types: list[str] | None = None
    probability: Probability = 1.0
    count: Count | None = None


class Settings(_Strict):
    """All that `/_emulator/behavior` shows and takes."""

    latency_ms: Annotated[float, Field(ge=0)] = 0
    ingest_seconds: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] = (0.2, 1.0)
    recreate_after_delete_seconds: Annotated[float, Field(ge=0)] = 0
    asset_timeout_seconds: Annotated[float, Field(gt=0)] = 30
    forget_operations: bool | list[str] = False
    faults: list[Fault] = []
    operation_failures: list[OperationFailure] = []
    decisions: Decisions = Decisions()

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Self:
        if self.ingest_seconds[0] > self.ingest_seconds[1]:
            raise ValueError("ingest_seconds is [least, most]")
        return self


class Behavior:
    """The present settings, and the draws made from them.

    Args:
        decisions: The decisions to start with, and to return to with each reset.
    """

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self.settings = Settings(decisions=decisions)
        self._random = random.Random()  # noqa: S311 - chance for tests, no secret

    def reset(self) -> None:
        """Go back to the settings the emulator started with."""
        self.settings = Settings(decisions=self._decisions)

    def to_dict(self) -> dict[str, object]:
        """Give the settings as JSON; counts show what is left of them."""
        return self.settings.model_dump(mode="json")

    def merge(self, changes: object) -> None:
        """Change some settings and keep the others.

        Args:
            changes: The JSON object of a PUT; `decisions` is merged as well, lists are replaced.

        Raises:
            RequestError: 400, naming what is unknown or wrong.
        """
        if not isinstance(changes, dict):
            raise bad_request("The behavior must be a JSON object.")
        merged = {**self.settings.model_dump(), **changes}
        if isinstance(changes.get("decisions"), dict):
            merged["decisions"] = {**self.settings.decisions.model_dump(), **changes["decisions"]}
        try:
            self.settings = Settings.model_validate(merged)
        except ValidationError as error:
            faults = "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.errors())
            raise bad_request(f"The behavior is not valid: {faults}.") from None

    def draw_fault(self, method: str, path: str) -> Fault | None:
        """Give the fault that befalls this request, if any; the first that matches and is drawn."""
        for fault in self.settings.faults:
            if fault.count != 0 and fault.matches(method, path) and self._strikes(fault):
                return fault
        return None

    def maybe_fail(self, operation_type: str) -> None:
        """Fail an operation of this type, if a failure is drawn for it.

        Raises:
            IngestionError: The failure.
        """
        for failure in self.settings.operation_failures:
            concerned = failure.types is None or operation_type in failure.types
            if failure.count != 0 and concerned and self._strikes(failure):
                raise IngestionError(failure.code, failure.message)

    def draw_ingest_seconds(self) -> float:
        """Give how long the next operation takes, in seconds."""
        return self._random.uniform(*self.settings.ingest_seconds)

    def is_forgotten(self, operation_id: str) -> bool:
        """Tell whether an operation answers 404 and is missing from the list."""
        forgotten = self.settings.forget_operations
        return forgotten if isinstance(forgotten, bool) else operation_id in forgotten

    def _strikes(self, fault: Fault | OperationFailure) -> bool:
        if self._random.random() >= fault.probability:
            return False
        if fault.count is not None:
            fault.count -= 1
        return True


def fault_code(status: int) -> str:
    """Give an error code for an injected status, such as `TooManyRequests` for 429."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Injected Fault"
    return re.sub(r"[^A-Za-z]", "", phrase.title())


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "behavior"


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in path.split("*")), re.DOTALL)
