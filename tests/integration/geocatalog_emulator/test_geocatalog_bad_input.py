"""What the service refuses is refused, in the same way; nothing a client sends makes the emulator fail."""

import io
import itertools
import json
from typing import Any

import pytest

from .emulator_client import EmulatorClient, collection, error_of, item

CONTAINER = "https://partner.blob.core.windows.net/scenes"
COMPANIONS: dict[str, Any] = {
    "links": [],
    "extent": {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [[None, None]]}},
}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"1", b'"x"', b"NaN", b'{"type":"Feature"}', b'{"type":"Collection","id":"x"}', b"\xff\xfe"],
)
def test_what_is_no_item_at_all_is_refused_at_once(trusting: EmulatorClient, body: bytes) -> None:
    assert error_of(trusting.send("POST", trusting.items, data=body)) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "a b"}, "StacValidationFailed"),
        ({"id": "ä"}, "StacValidationFailed"),
        ({"id": "a;b"}, "StacValidationFailed"),
        ({"id": "a" * 150}, "StacValidationFailed"),
        ({"collection": "another"}, "StacValidationFailed"),
        ({"stac_version": None}, "StacValidationFailed"),
        ({"geometry": {"type": "Circle"}}, "StacValidationFailed"),
        ({"bbox": None}, "StacValidationFailed"),
        ({"bbox": [1, 2, 3]}, "StacValidationFailed"),
        ({"properties": {}}, "StacValidationFailed"),
        ({"properties": {"datetime": "yesterday"}}, "StacValidationFailed"),
        ({"properties": {"datetime": None}}, "StacValidationFailed"),
        ({"links": None}, "StacValidationFailed"),
        ({"assets": []}, "StacValidationFailed"),
        ({"assets": {"a": {}}}, "StacValidationFailed"),
        ({"assets": {"a/b": {"href": "https://h/a"}}}, "StacValidationFailed"),
        ({"assets": {"a" * 256: {"href": "https://h/a"}}}, "StacValidationFailed"),
        ({"assets": {"a": {"href": "./a.tif"}}}, "InvalidAssetHref"),
        ({"assets": {"a": {"href": "/vsicurl/a.tif"}}}, "InvalidAssetHref"),
        ({"assets": {"a": {"href": "gs://bucket/a.tif"}}}, "InvalidAssetHref"),
        ({"assets": {f"a{n}": {"href": "https://h/a"} for n in range(101)}}, "TotalAssetsExceeded"),
        ({"properties": {"datetime": "2024-01-01T00:00:00Z", "long": "x" * 1_048_576}}, "ItemSizeExceeded"),
    ],
)
def test_a_wrong_item_fails_in_its_operation(trusting: EmulatorClient, changes: dict[str, Any], code: str) -> None:
    assert trusting.outcome(trusting.post({**item("scene"), **changes})) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "a" * 149},
        {"id": "Aa0-_+,()."},
        {"geometry": None, "bbox": None},
        {
            "properties": {
                "datetime": None,
                "start_datetime": "2024-01-01T00:00:00Z",
                "end_datetime": "2024-01-02T00:00:00Z",
            }
        },
        {"assets": {}},
        {"assets": {"Aa0-_+,().": {"href": "https://h/a?x=1#y"}}},
        {"assets": {f"a{n}": {"href": "https://h/a"} for n in range(100)}},
        {"bbox": [8, 47, 0, 8, 47, 100]},
    ],
)
def test_an_item_at_the_edge_of_the_rules_is_taken(trusting: EmulatorClient, changes: dict[str, Any]) -> None:
    posted = {**item("scene"), **changes}
    assert trusting.outcome(trusting.post(posted)) == "Succeeded"
    stored = trusting.json(f"{trusting.items}/{posted['id']}")
    assert stored["assets"].keys() == posted["assets"].keys()
    assert stored["collection"] == trusting.collection_id


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "a/b"},
        {"id": "a;b"},
        {"id": ""},
        {"type": "Catalog"},
        {"license": None},
        {"description": ""},
        {"stac_version": 1},
        {"links": {}},
        {"extent": {}},
        {"extent": {**COMPANIONS["extent"], "spatial": {"bbox": [0, 0, 1, 1]}}},
        {"extent": {**COMPANIONS["extent"], "temporal": {"interval": [["2020", None]]}}},
    ],
)
def test_a_wrong_collection_is_refused(trusting: EmulatorClient, changes: dict[str, Any]) -> None:
    body = {**collection("wrong"), **changes}
    assert error_of(trusting.send("POST", "/stac/collections", json=body)) == (400, "BadRequest")
    assert trusting.send("GET", "/stac/collections/wrong").status_code == 404


def test_assets_come_by_their_own_route_only(trusting: EmulatorClient) -> None:
    path = f"/stac/collections/{trusting.collection_id}"
    with_assets = {**collection("new"), "assets": {"thumbnail": {"href": "https://h/t.png"}}}
    refused = trusting.send("POST", "/stac/collections", json=with_assets)
    assert error_of(refused) == (400, "BadRequest")
    assert "Collection Asset API" in refused.json()["error"]["message"]

    parts = {"data": (None, json.dumps({"key": "thumbnail", "type": "image/png"})), "file": ("t.png", b"png")}
    made = trusting.send("POST", f"{path}/assets", files=parts)
    assert made.status_code == 201
    assert error_of(trusting.send("POST", f"{path}/assets", files=parts)) == (409, "ResourceExists")

    whole = made.json()
    without = {key: value for key, value in whole.items() if key != "assets"}
    assert error_of(trusting.send("PUT", path, json=without)) == (400, "BadRequest")
    more = {**whole, "assets": {**whole["assets"], "another": {"href": "https://h/x"}}}
    assert error_of(trusting.send("PUT", path, json=more)) == (400, "BadRequest")
    assert trusting.send("PUT", path, json={**whole, "description": "changed"}).status_code == 200
    shown = trusting.json(path)
    assert shown["description"] == "changed"
    assert shown["assets"] == whole["assets"]
    assert [link["rel"] for link in shown["links"]].count("self") == 1

    assert trusting.send("DELETE", f"{path}/assets/thumbnail").status_code == 200
    missing = trusting.send("DELETE", f"{path}/assets/thumbnail")
    assert error_of(missing) == (404, "ResourceNotFound")
    assert missing.json()["error"]["message"].startswith("Asset key 'thumbnail' not found in collection")
    assert error_of(trusting.send("GET", f"{path}/thumbnail")) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"data": (None, "{}")},
        {"data": (None, "{"), "file": ("a", b"x")},
        {"data": (None, "[]"), "file": ("a", b"x")},
        {"data": (None, '{"key":"a/b"}'), "file": ("a", b"x")},
        {"data": (None, '{"key":"a"}'), "file": ("a", b"")},
    ],
)
def test_a_wrong_form_is_refused(trusting: EmulatorClient, files: dict[str, Any]) -> None:
    path = f"/stac/collections/{trusting.collection_id}/assets"
    assert error_of(trusting.send("POST", path, files=files)) == (400, "BadRequest")
    assert error_of(trusting.send("POST", path, data=io.BytesIO(b"no form"))) == (400, "BadRequest")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "Other"},
        {"kind": "SasToken"},
        {"kind": "SasToken", "connectionInfo": {"containerUrl": CONTAINER}},
        {"kind": "SasToken", "connectionInfo": {"containerUrl": "nowhere", "sasToken": "st=1&se=2&sig=3"}},
        {"kind": "SasToken", "connectionInfo": {"containerUrl": f"{CONTAINER}?x=1", "sasToken": "st=1&se=2&sig=3"}},
        {"kind": "SasToken", "connectionInfo": {"containerUrl": CONTAINER, "sasToken": "se=2099-01-01&sig=x"}},
        {"kind": "SasToken", "connectionInfo": {"containerUrl": CONTAINER, "sasToken": "st=1&se=never&sig=x"}},
        {"kind": "BlobManagedIdentity", "connectionInfo": {"containerUrl": CONTAINER, "objectId": "me"}},
    ],
)
def test_a_wrong_source_is_refused(trusting: EmulatorClient, body: object) -> None:
    assert error_of(trusting.send("POST", "/inma/ingestion-sources", json=body)) == (400, "BadRequest")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "bbox=1,2,3",
        "bbox=0,5,1,4",
        "bbox=a,b,c,d",
        "datetime=yesterday",
        "datetime=../..",
        "datetime=2024-01-02T00:00:00Z/2024-01-01T00:00:00Z",
        "intersects={}",
        "intersects={",
        "filter=a = = b",
        "filter=a=1&filter-lang=cql-json",
        "filter={&filter-lang=cql2-json",
        "token=made-up",
        "token=next:WzEsMSwxMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDBd",
        "sortby=%22",
        "bbox=nan,0,1,1",
        "bbox=0,0,1,1&intersects={}",
        "sign=maybe",
        "duration=-1",
        'query={"a":{"near":1}}',
    ],
)
def test_a_wrong_search_is_refused(trusting: EmulatorClient, query: str) -> None:
    assert error_of(trusting.send("GET", f"/stac/search?{query}")) == (400, "BadRequest")


@pytest.mark.parametrize(
    "search", [{"filter": "a = 1"}, {"filter": {"op": "=", "args": [1, 1]}, "filter-lang": "cql2-text"}]
)
def test_a_posted_filter_is_cql2_json_unless_it_says_otherwise(
    trusting: EmulatorClient, search: dict[str, Any]
) -> None:
    assert error_of(trusting.send("POST", "/stac/search", json=search)) == (400, "BadRequest")


def test_a_partition_type_is_for_empty_collections(trusting: EmulatorClient) -> None:
    path = f"/stac/collections/{trusting.collection_id}/configurations/partition-type"
    assert trusting.json(path) == {"scheme": "none"}
    changed = trusting.send("PUT", path, json={"scheme": "month"})
    assert (changed.status_code, changed.content) == (200, b"")
    assert trusting.json(path) == {"scheme": "month"}
    assert error_of(trusting.send("PUT", path, json={"scheme": "week"})) == (400, "BadRequest")
    assert trusting.outcome(trusting.post(item("scene"))) == "Succeeded"
    assert error_of(trusting.send("PUT", path, json={"scheme": "year"})) == (409, "Conflict")


PATHS = {
    "POST": [
        "/stac/collections",
        "/stac/collections/{c}/items",
        "/stac/collections/{c}/assets",
        "/stac/collections/{c}/queryables",
        "/stac/collections/{c}/configurations/mosaics",
        "/stac/collections/{c}/configurations/render-options",
        "/stac/search",
        "/inma/ingestion-sources",
        "/inma/collections/{c}/ingestions",
    ],
    "PUT": [
        "/stac/collections/{c}",
        "/stac/collections/{c}/items/x",
        "/stac/collections/{c}/assets/x",
        "/stac/collections/{c}/queryables/x",
        "/stac/collections/{c}/configurations/mosaics/x",
        "/stac/collections/{c}/configurations/render-options/x",
        "/stac/collections/{c}/configurations/tile-settings",
        "/stac/collections/{c}/configurations/partition-type",
        "/inma/ingestion-sources/x",
    ],
    "PATCH": ["/stac/collections/{c}/items/x", "/inma/collections/{c}/ingestions/x"],
}
ODD_VALUES: list[Any] = [None, -1e308, "x", [1], {"x": []}]
FIELDS = ["id", "type", "links", "extent", "assets", "properties", "geometry", "bbox", "collections", "ids", "limit"]
FIELDS += ["intersects", "datetime", "sortby", "fields", "filter", "query", "token", "kind", "connectionInfo", "name"]
FIELDS += ["definition", "cql", "legend", "conditions", "vectorOptions", "minZoom", "scheme", "defaultLocation"]


def test_no_body_makes_the_emulator_fail(trusting: EmulatorClient) -> None:
    # The preview's "create or replace" lets every PUT through to its body.
    trusting.session.params = {"api-version": "2025-04-30-preview"}
    valid: dict[str, Any] = {**item("x"), **COMPANIONS, "name": "x", "definition": {}, "cql": [], "maxItemsPerTile": 1}
    bodies = [json.dumps(value) for value in ODD_VALUES]
    bodies += [json.dumps({**valid, name: value}) for name, value in itertools.product(FIELDS, ODD_VALUES)]
    bodies += ["[" * 100_000, '{"id": "\\ud800"}', '{"type":"FeatureCollection","features":[1,null,{}]}']
    for method, paths in PATHS.items():
        for path in paths:
            where = path.format(c=trusting.collection_id)
            for body in bodies:
                response = trusting.send(method, where, data=body.encode())
                assert response.status_code < 500, f"{method} {where} {body[:300]}: {response.text}"
    operations = trusting.json("/inma/operations", **{"$top": 5000})["value"]
    codes = {one["statusHistory"][-1].get("errorCode") for one in operations}
    assert "InternalError" not in codes


def test_an_unknown_path_and_method_are_refused_in_the_services_shape(trusting: EmulatorClient) -> None:
    assert error_of(trusting.send("GET", "/nowhere")) == (404, "ResourceNotFound")
    assert error_of(trusting.send("PATCH", "/stac")) == (405, "MethodNotAllowed")
