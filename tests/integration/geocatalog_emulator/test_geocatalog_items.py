"""Stored items: what the service changes in them, and what it keeps."""

from typing import Any

from .emulator_client import EmulatorClient, item


def test_an_item_is_kept_but_for_what_the_service_writes(trusting: EmulatorClient) -> None:
    license_link = {"rel": "license", "href": "https://example.com/license"}
    projection = "https://stac-extensions.github.io/projection/{}/schema.json"
    posted = item(
        "scene",
        links=[{"rel": "self", "href": "https://elsewhere/scene"}, license_link],
        stac_extensions=[projection.format("v1.0.0")],
        extra={"kept": True},
    )
    assert trusting.outcome(trusting.post(posted)) == "Succeeded"
    stored = trusting.json(f"{trusting.items}/scene")
    here = f"{trusting.url}/stac/collections/{trusting.collection_id}"
    assert license_link in stored["links"]
    assert {link["rel"]: link["href"] for link in stored["links"] if link["rel"] != "license"} == {
        "collection": here,
        "parent": here,
        "root": f"{trusting.url}/stac/",
        "self": f"{here}/items/scene",
    }
    assert stored["stac_extensions"] == [projection.format("v1.1.0")]
    assert stored["extra"] == {"kept": True}
    assert stored["_msft:ts"].endswith("Z")
    assert len(stored["_msft:etag"]) == 36


def test_a_patch_merges_and_drops(trusting: EmulatorClient) -> None:
    properties = {"datetime": "2024-05-01T10:00:00Z", "a": 1, "b": {"c": 2, "d": 3}}
    trusting.outcome(trusting.post(item("scene", properties=properties)))
    before = trusting.json(f"{trusting.items}/scene")
    patch = {"properties": {"a": None, "b": {"c": 4}}}
    assert trusting.outcome(trusting.send("PATCH", f"{trusting.items}/scene", json=patch)) == "Succeeded"
    after = trusting.json(f"{trusting.items}/scene")
    assert after["properties"] == {"datetime": "2024-05-01T10:00:00Z", "b": {"c": 4, "d": 3}}
    assert after["assets"] == before["assets"]
    assert after["_msft:etag"] != before["_msft:etag"]
    renamed = trusting.send("PATCH", f"{trusting.items}/scene", json={"id": "other"})
    assert trusting.outcome(renamed) == "PatchValidation"


def test_asset_names_come_from_the_key_and_the_address(trusting: EmulatorClient) -> None:
    assets = {
        "image": {"href": "https://h/c/a.tif"},
        "tilejson": {"href": "https://h/tiles/tilejson.json?item=a.b"},
        "typed": {"href": "https://h/no-suffix", "type": "image/png"},
        "bare": {"href": "https://h"},
    }
    assert trusting.outcome(trusting.post(item("scene", assets=assets))) == "Succeeded"
    stored = trusting.json(f"{trusting.items}/scene")["assets"]
    names = {key: asset["href"].rpartition("/")[2] for key, asset in stored.items()}
    assert names == {"image": "image.tif", "tilejson": "tilejson.json", "typed": "typed.png", "bare": "bare"}
    folders = {asset["href"].rpartition("/")[0] for asset in stored.values()}
    assert len(folders) == 1
    assert folders.pop().endswith("/scene")


def test_a_search_goes_around_the_world(trusting: EmulatorClient) -> None:
    for name, longitude in (("east", 179.5), ("west", -179.5), ("far", 0)):
        point = {"type": "Point", "coordinates": [longitude, 10]}
        trusting.post(item(name, geometry=point, bbox=[longitude, 10, longitude, 10]))
    crossing = {
        "type": "MultiPolygon",
        "coordinates": [
            [[[179, 9], [180, 9], [180, 11], [179, 11], [179, 9]]],
            [[[-180, 9], [-179, 9], [-179, 11], [-180, 11], [-180, 9]]],
        ],
    }
    trusting.outcome(trusting.post(item("crossing", geometry=crossing, bbox=[179, 9, -179, 11])))

    def found(bbox: str) -> set[str]:
        features = trusting.json("/stac/search", collections=trusting.collection_id, bbox=bbox)["features"]
        return {one["id"] for one in features}

    assert found("179,9,-179,11") == {"east", "west", "crossing"}
    assert found("-180,9,-179,11") == {"west", "crossing"}
    assert found("-1,9,1,11") == {"far"}


def test_sorting_puts_what_is_missing_last(trusting: EmulatorClient) -> None:
    for name, value in (("a", 3), ("b", None), ("c", 1), ("d", None), ("e", 2)):
        properties = {"datetime": "2024-05-01T10:00:00Z", **({} if value is None else {"eo:cloud_cover": value})}
        trusting.outcome(trusting.post(item(name, properties=properties)))

    def walked(sortby: str) -> str:
        page = trusting.json("/stac/search", collections=trusting.collection_id, sortby=sortby, limit=2)
        names = [one["id"] for one in page["features"]]
        while following := [link for link in page["links"] if link["rel"] == "next"]:
            page = trusting.session.get(following[0]["href"], timeout=10).json()
            names += [one["id"] for one in page["features"]]
        return "".join(names)

    assert walked("eo:cloud_cover") == "ceabd"
    assert walked("-properties.eo:cloud_cover") == "aecdb"
    assert walked("-id") == "edcba"


def test_names_with_dots_lead_into_properties(trusting: EmulatorClient) -> None:
    for name, height, width in (("a", 1, 1), ("b", 2, 3), ("c", 3, 2)):
        inner = {"datetime": "2024-05-01T10:00:00Z", "grid": {"height": height, "depth": 0}, "grid.width": width}
        trusting.outcome(trusting.post(item(name, properties=inner)))

    def found(**search: object) -> list[dict[str, Any]]:
        response = trusting.send("POST", "/stac/search", json={"collections": [trusting.collection_id], **search})
        assert response.status_code == 200, response.text
        features: list[dict[str, Any]] = response.json()["features"]
        return features

    by_height = found(sortby=[{"field": "properties.grid.height", "direction": "desc"}])
    assert [one["id"] for one in by_height] == ["c", "b", "a"]
    by_width = found(sortby=[{"field": "grid.width", "direction": "desc"}])
    assert [one["id"] for one in by_width] == ["b", "c", "a"]
    (included,) = found(ids=["a"], fields={"include": ["properties.grid.height", "grid.width"]})
    assert included["properties"] == {"grid": {"height": 1}, "grid.width": 1}
    (excluded,) = found(ids=["a"], fields={"exclude": ["properties.grid.depth", "properties.nothing.there"]})
    assert excluded["properties"]["grid"] == {"height": 1}
    assert excluded["properties"]["grid.width"] == 1
