"""What is converted in an item, what is refused, and what a person is told of it."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.errors import BadContent, ErrorCode
from shared.basics.json_codec import read_json
from shared.stac.conversions.findings import MAX_FAULTS
from shared.stac.conversions.timestamps import FIELDS, BadTimestamp, in_utc, instant
from shared.stac.items import PreparedItem, prepare_item
from tests.data.documents import item

OURS = "https://ours.blob.core.windows.net/cogs"
SELF = [{"rel": "self", "href": "https://h.example/scenes/item.json"}]
MOMENT = {"datetime": "2026-04-16T10:00:00Z"}


def prepared(document: dict[str, Any], **options: Any) -> PreparedItem:
    return prepare_item(document, **{"collection": "scenes", "planetary_computer_url": "https://pc.example", **options})


def sent(document: dict[str, Any], **options: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(prepared(document, **options).body)
    return body


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(BadContent) as caught:
        prepared(document)
    return caught.value.message


def with_href(href: str, **changes: Any) -> dict[str, Any]:
    return item(assets={"data": {"href": href}}, **changes)


# Timestamps


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-02-05T12:00:00Z", "2024-02-05T12:00:00Z"),
        ("2024-02-05T12:00:00.123456789Z", "2024-02-05T12:00:00.123456789Z"),
        ("2024-02-05T12:00:00+00:00", "2024-02-05T12:00:00+00:00"),
        ("2024-02-05T07:00:00-05:00", "2024-02-05T12:00:00Z"),
        ("2024-02-05T17:30:00.250+0530", "2024-02-05T12:00:00.250Z"),
        ("2024-02-05T13:00:00+01", "2024-02-05T12:00:00Z"),
        ("2024-02-05T12:00Z", "2024-02-05T12:00:00Z"),
        ("2024-02-05 12:00:00Z", "2024-02-05T12:00:00Z"),
        ("2024-02-05T12:00:00z", "2024-02-05T12:00:00Z"),
        ("2024-02-05T12:00:00,5Z", "2024-02-05T12:00:00.5Z"),
        ("2024-02-05T12:00:00-00:00", "2024-02-05T12:00:00Z"),
        ("2024-02-05T12:00:00\u221200:00", "2024-02-05T12:00:00Z"),
        ("2024-02-05T12:00:00.25", "2024-02-05T12:00:00.25Z"),
        ("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z"),
    ],
)
def test_timestamps_with_one_meaning_are_written_in_utc(text: str, utc: str) -> None:
    assert in_utc(text) == utc


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2024-02-05", "a date without a time"),
        ("20240205", "a date without a time"),
        ("2024-02-05T12:00:00+00:00Z", "both an offset and Z"),
        ("12024-02-05T12:00:00Z", "more than four digits"),
        ("0000-01-01T00:00:00Z", "not a moment that exists"),
        ("0001-01-01T00:00:00+01:00", "not a moment that exists"),
        ("2024-02-30T00:00:00Z", "not a moment that exists"),
        ("2024-02-05T24:00:00Z", "an hour after 23"),
        ("2016-12-31T23:59:60Z", "a leap second"),
        ("2024-02-05T12:00:00+25:00", "not a moment that exists"),
        ("soon", "not a timestamp"),
        ("", "not a timestamp"),
    ],
)
def test_other_timestamps_are_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(BadTimestamp, match=said):
        in_utc(text)


MOMENTS = st.datetimes(
    datetime(2, 1, 2), datetime(9998, 12, 30), timezones=st.integers(-1439, 1439).map(  # noqa: DTZ001
        lambda minutes: timezone(timedelta(minutes=minutes))
    ),
)  # fmt: skip


@given(MOMENTS, st.sampled_from("T t"), st.sampled_from(".,"), st.booleans())
def test_any_spelling_keeps_the_moment(moment: datetime, between: str, point: str, colon: bool) -> None:
    text = moment.isoformat(sep=between).replace(".", point)
    text = text if colon else text[:-3] + text[-2:]

    assert datetime.fromisoformat(in_utc(text)) == moment
    assert in_utc(in_utc(text)) == in_utc(text)
    assert instant(text) == instant(moment.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def test_only_the_known_fields_are_converted_and_each_is_told() -> None:
    local = "2026-04-16T12:00:00+02:00"
    fields = dict.fromkeys(FIELDS, local)
    document = item(
        properties={**fields, "acme:datetime": local, "observation_datetime": local},
        assets={"data": {"href": f"{OURS}/a.tif", "updated": local, "acme:created": local}},
    )

    made = prepared(document)
    body = json.loads(made.body)

    assert {body["properties"][name] for name in FIELDS} == {"2026-04-16T10:00:00Z"}
    assert body["properties"]["acme:datetime"] == body["properties"]["observation_datetime"] == local
    assert body["assets"]["data"]["updated"] == "2026-04-16T10:00:00Z"
    assert body["assets"]["data"]["acme:created"] == local
    assert made.conversions == (
        "properties/datetime, properties/start_datetime, properties/end_datetime and 6 more: written in UTC.",
    )


def test_a_range_may_be_one_moment_but_not_end_before_it_starts() -> None:
    def between(start: str, end: str) -> dict[str, Any]:
        return item(properties={"datetime": None, "start_datetime": start, "end_datetime": end})

    prepared(between("2026-04-16T10:00:00Z", "2026-04-16T12:00:00+02:00"))
    said = refusal(between("2026-04-16T10:00:00.0000002Z", "2026-04-16T10:00:00.0000001Z"))
    assert "properties/end_datetime: it is before the start of the range" in said


# Versions


@pytest.mark.parametrize(
    ("version", "sent_as"),
    [("1.0.0", "1.0.0"), ("1.0.1", "1.0.1"), ("1.1.0", "1.1.0"), ("1.1.0-beta.1", "1.1.0"), ("1.0.0-rc.4", "1.1.0"),
     ("0.9.0", "1.1.0"), ("0.6.2", "1.1.0")],
)  # fmt: skip
def test_versions_that_are_known(version: str, sent_as: str) -> None:
    made = prepared(item(stac_version=version))

    assert json.loads(made.body)["stac_version"] == sent_as
    assert bool(made.conversions) == (version != sent_as)


@pytest.mark.parametrize("version", ["1.010", "01.0.0", "2.0.0", "1.0", "", "x", None, 1.0, {}])
def test_versions_that_are_none(version: object) -> None:
    assert "stac_version: " in refusal(item(stac_version=version))


def test_a_missing_version_is_told() -> None:
    without = {name: value for name, value in item().items() if name != "stac_version"}

    assert "stac_version: it is missing; give the version of STAC that is followed" in refusal(without)


@pytest.mark.parametrize(
    ("changes", "by_1_0", "by_1_1"),
    [
        ({"properties": {**MOMENT, "description": ""}}, True, False),
        ({"properties": {**MOMENT, "bands": []}}, True, False),
        ({"properties": {**MOMENT, "keywords": "x", "roles": 1}}, True, False),
        ({"properties": {**MOMENT, "nodata": "none", "unit": 7}}, True, False),
        ({"assets": {"data": {"href": f"{OURS}/a.tif", "bands": {}}}}, True, False),
        ({"properties": {**MOMENT, "gsd": 0}}, False, False),
        ({"properties": {**MOMENT, "license": "CC BY"}}, False, False),
    ],
)
def test_an_item_is_checked_by_the_schema_of_its_own_version(
    changes: dict[str, Any], by_1_0: bool, by_1_1: bool
) -> None:
    for version, is_taken in (("1.0.0", by_1_0), ("1.1.0", by_1_1)):
        document = item(stac_version=version, **changes)
        if is_taken:
            assert prepared(document).conversions == ()
        else:
            refusal(document)


def test_no_code_stays_no_code_in_an_older_item() -> None:
    old = item(stac_version="0.8.1", stac_extensions=["eo"], properties={**MOMENT, "eo:epsg": None, "eo:gsd": 1})
    newer = item(
        stac_version="1.0.0-beta.2",
        stac_extensions=["projection"],
        properties={**MOMENT, "proj:epsg": None},
        assets={
            "data": {"href": f"{OURS}/a.tif", "proj:epsg": None},
            "b": {"href": f"{OURS}/b.tif", "proj:epsg": 32632},
        },
    )

    assert sent(old)["properties"] == {**MOMENT, "proj:code": None, "gsd": 1}
    body = sent(newer)
    assert body["properties"]["proj:code"] is None
    assert body["assets"]["data"]["proj:code"] is None
    assert body["assets"]["b"]["proj:code"] == "EPSG:32632"
    assert body["stac_extensions"] == ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]


def test_a_band_that_there_is_not_is_told() -> None:
    document = item(
        stac_version="0.9.0",
        stac_extensions=["eo"],
        properties={**MOMENT, "eo:bands": [{"name": "B1"}]},
        assets={"data": {"href": f"{OURS}/a.tif", "eo:bands": [0, 4]}},
    )

    assert "assets/data/eo:bands: it names a band that there is not" in refusal(document)


# Nulls, NaN and other values


def test_only_nulls_that_the_schema_forbids_are_dropped() -> None:
    properties = {
        **MOMENT, "platform": None, "gsd": None, "proj:epsg": None, "keywords": None, "acme": None,
        "providers": [{"name": "A", "url": None}],
    }  # fmt: skip
    made = prepared(item(properties=properties, stac_extensions=None))
    body = json.loads(made.body)

    assert body["properties"] == {
        **MOMENT, "proj:epsg": None, "keywords": None, "acme": None, "providers": [{"name": "A"}],
    }  # fmt: skip
    assert "stac_extensions" not in body
    assert "left out, since STAC allows no null there" in made.conversions[0]


@pytest.mark.parametrize("change", [{"geometry": {"type": "Point", "coordinates": [None, 1]}}, {"assets": None}])
def test_other_nulls_are_not_touched(change: dict[str, Any]) -> None:
    refusal(item(**change))


def test_numbers_that_json_has_not_are_written_out_in_nodata_only() -> None:
    bands = [{"nodata": math.nan}, {"nodata": -math.inf}, {"nodata": 0}, {"file:nodata": [math.inf, 1]}]
    text = json.dumps(item(assets={"data": {"href": f"{OURS}/a.tif", "raster:bands": bands}}))

    made = prepared(read_json(text))

    written = json.loads(made.body)["assets"]["data"]["raster:bands"]
    assert written == [{"nodata": "nan"}, {"nodata": "-inf"}, {"nodata": 0}, {"file:nodata": ["inf", 1]}]
    assert "assets/data/raster:bands/0/nodata" in made.conversions[0]
    odd = item(properties={**MOMENT, "gsd": math.nan})
    with pytest.raises(ValueError, match="properties/gsd is a number that JSON cannot carry"):
        read_json(json.dumps(odd))
    assert "properties/gsd: it is a number that JSON cannot carry" in refusal(odd)


def test_what_is_no_url_of_an_extension_or_provider_is_left_out() -> None:
    projection = "https://stac-extensions.github.io/projection/v1.0.0/schema.json"
    providers = [{"name": "A", "url": "www.example.com"}, {"name": "B", "url": "https://example.com/a b"}]

    made = prepared(item(stac_extensions=["eo", projection, projection], properties={**MOMENT, "providers": providers}))
    body = json.loads(made.body)

    assert body["stac_extensions"] == [projection]
    assert body["properties"]["providers"] == [{"name": "A"}, {"name": "B", "url": "https://example.com/a%20b"}]
    assert len(made.conversions) == 4


# Links


def test_navigation_is_not_sent_and_other_links_are_made_absolute() -> None:
    navigation = [{"rel": rel, "href": "x"} for rel in ("root", "parent", "collection", "items", "next", "prev")]
    links = [
        *SELF, *navigation,
        {"rel": "license", "href": "../LICENSE.txt", "title": None},
        {"rel": "xyz", "href": "https://tiles.example/{z}/{x}/{y}.png"},
        {"rel": "via", "href": "https://h.example/a b"},
        {"rel": "broken"}, {"rel": 7, "href": "https://h.example"}, "text", {"rel": "bad", "href": "https://[x"},
    ]  # fmt: skip
    made = prepared(item(links=links))

    assert json.loads(made.body)["links"] == [
        {"rel": "license", "href": "https://h.example/LICENSE.txt"},
        {"rel": "xyz", "href": "https://tiles.example/{z}/{x}/{y}.png"},
        {"rel": "via", "href": "https://h.example/a%20b"},
    ]
    assert "links/10, links/11, links/12 and 1 more: left out" in " ".join(made.conversions)


@pytest.mark.parametrize("links", [None, "x", {}, [{"rel": "license", "href": "./LICENSE"}]])
def test_links_never_refuse_an_item(links: object) -> None:
    made = prepared(item(links=links))

    assert json.loads(made.body)["links"] == []
    assert made.conversions


# Hrefs of assets


@pytest.mark.parametrize(
    ("href", "absolute"),
    [
        ("./a.tif", "https://h.example/scenes/a.tif"),
        ("/a.tif", "https://h.example/a.tif"),
        (f"{OURS}/a b.tif", f"{OURS}/a%20b.tif"),
        (f"{OURS}/ü/%20.tif?x=[1]", f"{OURS}/%C3%BC/%20.tif?x=[1]"),
        ("HTTPS://h.example/a.tif", "HTTPS://h.example/a.tif"),
    ],
)
def test_hrefs_are_made_absolute_and_encoded(href: str, absolute: str) -> None:
    assert sent(with_href(href, links=SELF))["assets"]["data"]["href"] == absolute


@pytest.mark.parametrize(
    ("href", "said"),
    [
        ("./a.tif", "relative, and the item does not say to what; give absolute hrefs"),
        (f"{OURS}/100%.tif", "write %25"),
        ("abfs://cogs/a.tif", "of scheme abfs, which GeoCatalog does not read; copy the file"),
        ("gs://cogs/a.tif", "of scheme gs"),
        ("file:///a.tif", "of scheme file"),
        ("C:\\cogs\\a.tif", "of scheme c"),
        ("/vsis3/cogs/a.tif", "a file name of GDAL"),
        ("https:///a.tif", "has no host"),
        ("https://[a", "is not a URL"),
        ("https://me:secret@h.example/a.tif", "a user name or password"),
    ],
)
def test_other_hrefs_are_refused_with_what_to_do(href: str, said: str) -> None:
    message = refusal(with_href(href))

    assert "assets/data/href: it" in message
    assert said in message
    assert "secret" not in message


def test_s3_passes_with_a_warning() -> None:
    made = prepared(with_href("s3://bucket/a.tif"))

    assert made.conversions == ()
    (warning,) = made.warnings
    assert warning.startswith("assets/data/href: an s3 URL, and whether GeoCatalog reads s3 is not known")


def test_an_asset_key_is_refused_never_renamed() -> None:
    document = item(assets={"thumbnail:nbart": {"href": f"{OURS}/t.jpg"}, "data": {"href": f"{OURS}/a.tif"}})

    assert "assets/'thumbnail:nbart'" in refusal(document)
    assert "drop_assets" in refusal(document)
    assert list(sent(document, drop_assets=["thumbnail:nbart"])["assets"]) == ["data"]


# Geometry


SQUARE: list[list[float]] = [[10, 50], [11, 50], [11, 51], [10, 51]]


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_open_rings_are_closed_wherever_they_are() -> None:
    closed = [*SQUARE, SQUARE[0]]
    several = {"type": "MultiPolygon", "coordinates": [[SQUARE], [closed, SQUARE]]}

    for geometry, rings in ((polygon(SQUARE), [closed]), (several, [[closed], [closed, closed]])):
        made = prepared(item(geometry=geometry, bbox=[10, 50, 11, 51]))
        assert json.loads(made.body)["geometry"]["coordinates"] == rings
        assert "closed by its first position" in made.conversions[0]


def test_a_ring_that_is_no_area_is_refused() -> None:
    said = refusal(item(geometry=polygon([[10, 50], [11, 50], [10, 50], [11, 50]])))

    assert "geometry: it has a ring of fewer than three different positions" in said


def test_lines_and_orientation_stay() -> None:
    clockwise = polygon([*SQUARE[::-1], SQUARE[-1]])
    line = {"type": "LineString", "coordinates": SQUARE}

    for geometry in (clockwise, line):
        made = prepared(item(geometry=geometry, bbox=[10, 50, 11, 51]))
        assert json.loads(made.body)["geometry"] == geometry
        assert made.conversions == ()


def test_a_missing_box_is_computed_but_not_across_the_antimeridian() -> None:
    def boxless(geometry: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in item(geometry=geometry).items() if name != "bbox"}

    assert sent(boxless(polygon([*SQUARE, SQUARE[0]])))["bbox"] == [10, 50, 11, 51]
    assert sent(item(bbox=None))["bbox"] == [11.5, 48.1, 11.5, 48.1]
    assert "antimeridian" in refusal(boxless({"type": "MultiPoint", "coordinates": [[179, 0], [-179, 1]]}))


def test_the_box_of_no_geometry_is_left_out() -> None:
    made = prepared(item(geometry=None))

    assert "bbox" not in json.loads(made.body)
    assert made.conversions == ("bbox: left out, since the geometry is null.",)


# What people are told


def test_all_faults_are_told_in_plain_words() -> None:
    document = item(
        properties={"datetime": "2024-02-05", "gsd": "ten", "instruments": "msi", "providers": [{"roles": ["boss"]}]},
        assets={"a": {"href": "a.tif"}, "b": {}, "c": {"href": "gs://b/c.tif", "roles": "data"}},
        bbox=[1, 2, 3],
    )

    said = refusal(document)

    for part in (
        "The item has 10 faults. (1) ",
        "properties/datetime: it is a date without a time",
        "properties/gsd: it must be a number and is text",
        "properties/instruments: it must be a list and is text",
        "properties/providers/0/name: it is missing; give it",
        "properties/providers/0/roles/0: it must be one of producer, licensor, processor, host",
        "assets/a/href: it is relative",
        "assets/b/href: it is missing; give it, or leave the asset out with drop_assets",
        "assets/c/href: it is of scheme gs",
        "bbox: it must be a list of 4 numbers",
    ):
        assert part in said


def test_no_more_faults_are_told_than_a_person_reads() -> None:
    document = item(assets={f"a{number}": {"href": f"{number}.tif"} for number in range(60)})

    said = refusal(document)

    assert f"a{MAX_FAULTS - 1}/href and {60 - MAX_FAULTS} more: it is relative" in said
    assert len(said) <= 2000


def test_the_code_is_that_of_the_first_fault() -> None:
    with pytest.raises(BadContent) as caught:
        prepared(with_href("gs://b/a.tif", properties={}))
    assert caught.value.code == ErrorCode.BAD_ASSET


# The hash


def test_what_says_the_same_hashes_the_same() -> None:
    one = item(
        properties={"datetime": "2026-04-16T10:00:00.5Z", "gsd": 10, "platform": None},
        links=[*SELF, {"rel": "root", "href": "https://h.example/catalog.json"}],
        assets={"data": {"href": "./a.tif?versionid=1"}},
    )
    other = item(
        properties={"gsd": 10.0, "datetime": "2026-04-16T12:00:00.500+02:00"},
        links=[{"rel": "collection", "href": "./c.json"}],
        assets={"data": {"href": "https://h.example/scenes/a.tif?versionid=1&sv=2&se=3&sig=4"}},
    )

    assert prepared(one).content_hash == prepared(other).content_hash
    assert prepared(one).content_hash != prepared({**one, "bbox": [11.5, 48.1, 11.5, 48.2]}).content_hash


@pytest.mark.parametrize(
    ("changes", "written_by_3479af0"),
    [
        ({}, "8831cdb23199ffa8ec2fb01773882571d8fef46f52d190a04cf262f856cdaf5c"),
        (
            {
                "assets": {
                    "visual": {"href": f"{OURS}/a.tif?snapshot=1&sv=2024-11-04&sig=abc%3D"},
                    "preview": {"href": f"{OURS}/p.png"},
                }
            },
            "b74c4250b4acaffc91cffd9ecb7a6f62119ed83d93b93ec4649e8ddf8bb1dd71",
        ),
        (
            {
                "links": [
                    {"rel": "root", "href": "../catalog.json"},
                    {"rel": "self", "href": "https://h.example/i.json"},
                ],
                "properties": {"datetime": "2026-04-16T10:00:00.500+00:00", "gsd": 10.0},
            },
            "e969e441cdec237b2dad7514b24d277e589448588c16bfa749f485bb1936303a",
        ),
        (
            {
                "stac_version": "1.0.0-beta.2",
                "stac_extensions": ["eo"],
                "properties": {"datetime": "2026-04-16T10:00:00Z", "eo:cloud_cover": 3},
            },
            "ab0bba3a5c4a565302c0c818028c42e9c728bb54a57abc1539530800387b391d",
        ),
    ],
)
def test_the_hash_of_before_is_known(changes: dict[str, Any], written_by_3479af0: str) -> None:
    assert written_by_3479af0 in prepared(item(**changes), drop_assets=["preview"]).earlier_hashes()


def test_the_hash_of_an_item_that_was_found_by_a_static_catalog_is_known() -> None:
    document = item(
        collection="ra",
        stac_extensions=["https://stac-extensions.github.io/projection/v1.0.0/schema.json"],
        properties={**MOMENT, "proj:epsg": 32633},
        links=[{"rel": "root", "href": "./catalog.json"}, *SELF],
    )
    # Of the item as the command of commit 3479af0 sent it then: rewritten to STAC 1.1.0.
    assert (
        "40c4b6f5bb020ad3536013e617ce297378625cb46799eab8b587c130e06db0e0"
        in prepared(document, collection="ra").earlier_hashes()
    )
