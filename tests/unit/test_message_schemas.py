"""The schemas in docs/ are those of the models, and say the same as they."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.send.message_schemas import message_schemas
from shared.basics.errors import BadMessage
from shared.basics.json_codec import read_json
from shared.configuration.shapes import SHAPES
from shared.messages.models import CollectionMessage, DeletionMessage, ItemMessage, Message
from shared.messages.reading import parse_message
from tests.data.blob_events import cloud_event, event_grid_event
from tests.data.configurations import as_message, as_planetary_computer_files
from tests.data.documents import collection, item

ROOT = Path(__file__).parents[2]
SCHEMAS = message_schemas()
VALIDATORS = {
    name.partition(".")[0]: jsonschema_rs.validator_for(read_json(text), validate_formats=True)
    for name, text in SCHEMAS.items()
}
MODELS: dict[str, type[Message]] = {
    "items": ItemMessage,
    "collections": CollectionMessage,
    "deletions": DeletionMessage,
}
HREF = "https://a.example/x.json"


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_schemas_in_docs_are_those_of_the_models(name: str) -> None:
    path = ROOT / "docs" / "schemas" / name

    assert path.exists(), f"docs/schemas/{name} is missing; `python -m cli.send.message_schemas` writes it"
    assert path.read_text(encoding="utf-8") == SCHEMAS[name], (
        f"docs/schemas/{name} is not what the models of shared/messages/models.py say; "
        "`python -m cli.send.message_schemas` writes it"
    )


def test_no_other_schema_lies_in_docs() -> None:
    assert {path.name for path in (ROOT / "docs" / "schemas").iterdir()} == set(SCHEMAS)


@pytest.mark.parametrize("text", SCHEMAS.values(), ids=list(SCHEMAS))
def test_schemas_are_schemas(text: str) -> None:
    assert jsonschema_rs.meta.is_valid(read_json(text))


@pytest.mark.parametrize(
    ("queue", "message", "valid"),
    [
        ("items", item(), True),
        ("items", {"type": "FeatureCollection", "features": []}, True),
        ("items", {"item": item(), "if_exists": "skip"}, True),
        ("items", {"href": HREF, "item": None}, True),
        ("items", {"href": HREF, "item": {}}, False),
        ("items", {"href": None}, False),
        ("items", {"href": HREF, "colection": "x"}, False),
        ("items", {"href": HREF, "if_exists": "overwrite"}, False),
        ("items", {"href": HREF, "force": "yes"}, False),
        ("collections", {"definition": collection()}, True),
        ("collections", {"$schema": "./collections.schema.json", "planetary_computer": "naip"}, True),
        ("collections", {"planetary_computer": "naip", "href": HREF}, False),
        ("collections", {"href": HREF, "thumbnail": {"href": HREF}}, True),
        ("collections", {"href": HREF, "thumbnail": {}}, False),
        ("collections", as_message("scenes"), True),
        ("collections", as_planetary_computer_files("scenes"), True),
        ("collections", {"href": HREF, "render_options": [{"name": "a", "minZoom": 3}]}, True),
        ("collections", {"href": HREF, "render_options": [{"name": "a", "min_zom": 3}]}, False),
        ("collections", {"href": HREF, "mosaics": [{"name": "a", "cql": {}}]}, False),
        ("collections", {"href": HREF, "queryables": [{"name": "a"}]}, False),
        ("collections", {"href": HREF, "tile_settings": {"min_zoom": 25}}, False),
        ("collections", {"href": HREF, "partition_type": {"scheme": "week"}}, False),
        ("deletions", {"collection": "scenes", "id": "scene-1"}, True),
        ("deletions", {"collection": "scenes", "confirm": "scenes"}, True),
        ("deletions", {"collection": "scenes"}, False),
        ("deletions", {"id": "scene-1"}, False),
        ("blob-events", event_grid_event("a.json"), True),
        ("blob-events", [cloud_event("a.json"), {"event": event_grid_event("b.json"), "attempt": 1}], True),
        ("blob-events", [], False),
        ("blob-events", {"event": "a.json"}, False),
        ("blob-events", item(), False),
    ],
)
def test_messages(queue: str, message: dict[str, Any], valid: bool) -> None:
    assert VALIDATORS[queue].is_valid(message) is valid


ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-2, 5) | st.text("ab", max_size=2) | st.just({}) | st.just([])
)
FIELDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    queue: st.dictionaries(
        st.sampled_from(
            # A fault in a part of a configuration refuses the part, not the message.
            [info.alias or name for name, info in model.model_fields.items() if name not in {"attempt", *SHAPES}]
            + ["unknown"]
        ),
        ODD | st.just(HREF) | st.just({"href": HREF}) | st.just("skip"),
        max_size=4,
    )
    for queue, model in MODELS.items()
}


@pytest.mark.parametrize("queue", list(MODELS))
@given(data=st.data())
def test_model_and_schema_agree(queue: str, data: st.DataObject) -> None:
    fields = data.draw(FIELDS[queue])
    try:
        parse_message(MODELS[queue], fields)
        is_taken = True
    except BadMessage:
        is_taken = False

    assert VALIDATORS[queue].is_valid(fields) is is_taken
