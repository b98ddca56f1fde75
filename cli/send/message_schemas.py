"""The JSON Schemas of the messages, from their models: `python -m cli.send.message_schemas` writes docs/schemas."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from shared.configuration.shapes import SHAPES, editor_schema
from shared.messages.models import BlobEventMessage, CollectionMessage, DeletionMessage, ItemMessage, QueueName
from shared.messages.results import Result

FOLDER = Path("docs/schemas")

_MODELS: dict[QueueName, tuple[type[BaseModel], JsonSchemaMode]] = {
    QueueName.ITEMS: (ItemMessage, "validation"),
    QueueName.COLLECTIONS: (CollectionMessage, "validation"),
    QueueName.DELETIONS: (DeletionMessage, "validation"),
    QueueName.BLOB_EVENTS: (BlobEventMessage, "validation"),
    QueueName.RESULTS: (Result, "serialization"),
}
_BARE = {"Feature": "a bare STAC Item", "FeatureCollection": "a bare ItemCollection"}


def message_schemas() -> dict[str, str]:
    """Returns the text of each schema file by its name, such as `items.schema.json`."""
    return {
        f"{queue}.schema.json": json.dumps(_schema(queue), indent=2, ensure_ascii=False) + "\n" for queue in QueueName
    }


def _schema(queue: QueueName) -> dict[str, Any]:
    model, mode = _MODELS[queue]
    schema = model.model_json_schema(by_alias=True, mode=mode)
    if mode == "validation":
        schema["properties"] = {
            name: field if name in schema.get("required", ()) else _or_null(field)
            for name, field in schema["properties"].items()
        }
    if queue is QueueName.ITEMS:
        schema = _with_bare_items(schema)
    if queue is QueueName.BLOB_EVENTS:
        schema = _with_bare_events(schema)
    if queue is QueueName.COLLECTIONS:
        schema = _with_shapes(schema)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


def _or_null(field: dict[str, Any]) -> dict[str, Any]:
    """Say that a field may be null, which is the same as leaving it out."""
    if "anyOf" in field:
        return field
    outside = {name: value for name, value in field.items() if name in {"default", "description", "title"}}
    inside = {name: value for name, value in field.items() if name not in outside}
    return {"anyOf": [inside, {"type": "null"}], **outside}


def _with_bare_items(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", {})
    bare = [
        {"description": what, "type": "object", "required": ["type"], "properties": {"type": {"const": kind}}}
        for kind, what in _BARE.items()
    ]
    return {"title": schema["title"], "anyOf": [schema, *bare], "$defs": definitions}


def _with_bare_events(schema: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "string"}
    events = {
        "EventGridEvent": {
            "description": "an event in Event Grid's schema",
            "type": "object",
            "required": ["eventType"],
            "properties": {"eventType": text, "subject": text, "data": {"type": "object"}},
        },
        "CloudEvent": {
            "description": "a CloudEvent 1.0",
            "type": "object",
            "required": ["specversion", "type"],
            "properties": {"specversion": text, "type": text, "subject": text, "data": {"type": "object"}},
        },
    }
    title, definition = schema["title"], {name: value for name, value in schema.items() if name != "$defs"}
    one = [{"$ref": f"#/$defs/{name}"} for name in (title, *events)]
    several = {"description": "several events", "type": "array", "minItems": 1, "items": {"anyOf": one}}
    return {"title": title, "anyOf": [*one, several], "$defs": {title: definition, **events}}


def _with_shapes(schema: dict[str, Any]) -> dict[str, Any]:
    """Says what stands in each part of a configuration, so that editors know its keys."""
    for part in SHAPES:
        shape = editor_schema(part)
        given, _null = schema["properties"][part.value]["anyOf"]
        schema["properties"][part.value]["anyOf"] = [
            {**given, "items": shape} if given["type"] == "array" else shape,
            _null,
        ]
    return schema


def main() -> None:
    """Writes the schema files into docs/schemas of the working directory."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in message_schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
