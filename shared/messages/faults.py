"""What is wrong with the fields of a message, in plain English."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from shared.basics.nearest import unknown_key

# The beginning of the description of fields that producers have nothing to do with.
_KEPT_BY_THE_APP = "kept by the app"
_MOST = 10

_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "it is missing; give it",
    "string_type": lambda _: "it must be text",
    "bool_type": lambda _: "it must be true or false",
    "int_type": lambda _: "it must be a whole number",
    "list_type": lambda _: "it must be a list",
    "dict_type": lambda _: "it must be an object",
    "model_type": lambda _: "it must be an object",
    "string_too_short": lambda _: "it is empty; give it a text, or leave it out",
    "string_too_long": lambda context: f"it has more than {context['max_length']} characters",
    "greater_than_equal": lambda context: f"it must be {context['ge']} or more",
    "less_than_equal": lambda context: f"it must be {context['le']} or less",
    "enum": lambda context: f"it must be the word {context['expected']}".replace("'", ""),
    "literal_error": lambda context: f"it must be {context['expected']}".replace("'", ""),
    "timezone_aware": lambda _: "it must be a timestamp with an offset, such as 2026-04-16T10:00:00Z",
    "datetime_from_date_parsing": lambda _: "it must be a timestamp such as 2026-04-16T10:00:00Z",
    "datetime_parsing": lambda _: "it must be a timestamp such as 2026-04-16T10:00:00Z",
}


def faults_of(kind: type[BaseModel], error: ValidationError) -> list[str]:
    """Say of each fault where it is, what is wrong and what is expected; values are left out.

    Args:
        kind: the model that was to be read.
        error: what its validation found.
    """
    return [_fault(kind, fault) for fault in error.errors(include_input=False, include_url=False)[:_MOST]]


def _fault(kind: type[BaseModel], fault: ErrorDetails) -> str:
    name, place = fault["type"], fault["loc"]
    path = ".".join(str(part)[:80] for part in place)
    if name == "extra_forbidden":
        fields = kind.model_fields if len(place) == 1 else _inner_fields(kind, str(place[0]))
        known = [info.alias or field for field, info in fields.items() if not _is_kept(info)]
        return f"{path}: {unknown_key(str(place[-1]), known).removesuffix('.')}"
    if name == "value_error":  # a rule of the model itself, which speaks plain English
        sentence = fault["msg"].removeprefix("Value error, ")
    else:
        sentence = _SENTENCES.get(name, _unknown)(fault.get("ctx", {}))
    return f"{path}: {sentence}" if path else sentence


def _unknown(_: Mapping[str, Any]) -> str:
    return "it is not as docs/messages.md describes it"


def _inner_fields(kind: type[BaseModel], name: str) -> dict[str, FieldInfo]:
    """Return the fields of the model that a field holds, such as a thumbnail's."""
    field = kind.model_fields.get(name)
    for inner in getattr(field.annotation, "__args__", (field.annotation,)) if field else ():
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner.model_fields
    return {}


def _is_kept(field: FieldInfo) -> bool:
    """Tell whether a field is one that the app keeps for itself, and that no producer is pointed to."""
    return str(field.description or "").startswith(_KEPT_BY_THE_APP)
