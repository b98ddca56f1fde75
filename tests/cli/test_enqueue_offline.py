"""What `enqueue --dry-run` makes of input: nothing is sent, so no stack is needed."""

import functools
import gzip
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.documents import documents
from cli.documents.catalogs import follow_catalog
from cli.documents.inputs import Input, read_input
from cli.send import enqueue
from shared.stac.bases import based_at
from tests.cli.command import clean_environment, run_forked
from tests.running_stack import small_collection, small_item


def dry_run(*arguments: str, stdin: str | bytes | None = None, code: int = 0) -> dict[str, Any]:
    done = run_forked("enqueue", *arguments, "--dry-run", "--json", stdin=stdin)
    assert done.returncode == code, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def lines(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


A, B = small_item("c", "a"), small_item("c", "b")


SHAPES = [
    lines(A, B),
    "\ufeff" + lines(A) + "\r\n\n" + lines(B).strip(),
    json.dumps({"type": "FeatureCollection", "features": [A, B]}),
    json.dumps({"type": "FeatureCollection", "features": [A, B]}, indent=2),
    json.dumps([A, B], indent=1),
    "".join(f"\x1e{json.dumps(item, indent=1)}\n" for item in (A, B)),
]


def test_shapes_of_input(tmp_path: Path) -> None:
    files = []
    for number, text in enumerate(SHAPES):
        file = tmp_path / f"{number}.json"
        file.write_text(text, encoding="utf-8")
        files.append(str(file))
    assert dry_run(*files, "-", stdin=SHAPES[3])["by_collection"] == {"c": 2 * (len(SHAPES) + 1)}


def test_a_folder_reports_every_file_that_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.json").write_text(json.dumps(A))
    (tmp_path / "many.ndjson").write_text(lines(B, small_item("c", "bad id"), 7) + "{broken\n")
    (tmp_path / "package.json").write_text('{"name": "something else"}')
    (tmp_path / "broken.json").write_text('{"type": ')
    (tmp_path / "image.tif").write_bytes(b"II*")
    report = dry_run(str(tmp_path), code=1)
    assert report["by_collection"] == {"c": 2}
    reasons = {Path(entry["origin"].partition(" ")[0]).name: entry["what"] for entry in report["reasons"]}
    assert reasons == {
        "package.json": "skipped",
        "broken.json": "refused",
        "many.ndjson:2": "refused",
        "many.ndjson:3": "refused",
        "many.ndjson:4": "refused",
    }
    assert report["warnings"][0].startswith("1 other files in folders were passed over")


def test_a_folder_with_what_lies_about_in_folders(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(A))
    for hidden in (".ipynb_checkpoints/a.json", "._a.json", ".git/b.json"):
        (tmp_path / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / hidden).write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "gone.json")
    (tmp_path / os.fsdecode(b"caf\xe9.json")).write_text("[]")
    report = dry_run(str(tmp_path), code=1)
    assert report["by_collection"] == {"c": 1}
    assert [Path(entry["origin"]).name for entry in report["reasons"]] == [os.fsdecode(b"caf\xe9.json")]
    assert report["warnings"][0].startswith("3 other files")


def test_compressed_input_is_told_from_what_is_not_json(tmp_path: Path) -> None:
    packed = gzip.compress(lines(A, B).encode())
    (tmp_path / "items.json").write_bytes(packed)
    for report in (dry_run("-", stdin=packed, code=1), dry_run(str(tmp_path), code=1)):
        assert "gunzip" in report["reasons"][0]["reason"]


CUT_OFF = '{"type": "Feature", "id": "cut o\n'


@pytest.mark.parametrize("first", [CUT_OFF, "7\n", "[1]\n"])
def test_only_the_line_is_refused_where_the_first_of_many_is_no_object(first: str) -> None:
    report = dry_run("-", stdin=first + "\n" + lines(A, B), code=1)
    assert report["by_collection"] == {"c": 2}
    assert [entry["origin"] for entry in report["reasons"]] == ["standard input:1"]


def test_a_cut_off_first_line_of_more_than_one_document_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 1_000)
    text = CUT_OFF + "\n" + lines(*[A] * 30)
    read = list(documents.read_documents(io.BytesIO(text.encode()), "many"))
    assert [found.origin for found in read if isinstance(found, documents.Unreadable)] == ["many:1"]
    assert [found.origin for found in read[1:]] == [f"many:{number}" for number in range(3, 33)]


def test_a_broken_document_of_many_lines_is_refused_as_one() -> None:
    text = json.dumps({"type": "FeatureCollection", "features": [A, B]}, indent=2)
    report = dry_run("-", stdin=text[:-10], code=1)
    assert [entry["origin"] for entry in report["reasons"]] == ["standard input"]
    assert "It is not JSON" in report["reasons"][0]["reason"]


@pytest.mark.parametrize("size", range(20, 36))
def test_a_collection_is_found_wherever_it_stands_in_a_file(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueue, "_CHUNK", size)
    file = tmp_path / "collection.json"
    file.write_text(json.dumps(small_collection("c"), indent=1))
    assert enqueue._mentions_collection(file)  # noqa: SLF001 - where the pieces meet cannot be chosen from outside
    file.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    assert not enqueue._mentions_collection(file)  # noqa: SLF001


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """A folder, the URL it is served under, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with serving(functools.partial(Handler, directory=str(tmp_path))) as url:
        yield tmp_path, url, asked


def test_urls_of_items_and_of_static_catalogs(served: tuple[Path, str, list[str]]) -> None:
    folder, url, asked = served
    (folder / "items.ndjson").write_text(lines(A, B))
    (folder / "a.json").write_text(json.dumps(A))
    links = [{"rel": "item", "href": "./a.json"}, {"rel": "item", "href": "./gone.json"}]
    (folder / "collection.json").write_text(json.dumps(small_collection("c") | {"links": links}))
    assert dry_run(f"{url}/items.ndjson")["by_collection"] == {"c": 2}
    report = dry_run(f"{url}/collection.json", code=1)
    assert (report["collections"], report["by_collection"]) == (["c"], {"c": 1})
    assert [entry["origin"] for entry in report["reasons"]] == [f"{url}/gone.json"]
    assert "the server answered 404" in report["reasons"][0]["reason"]
    missing = run_forked("enqueue", f"{url}/none.json", "--dry-run")
    assert (missing.returncode, "answered 404" in missing.stderr) == (1, True)
    del asked[:]
    report = dry_run("--by-reference", f"{url}/items.ndjson")
    assert (report["references"], report["sent"], asked) == (1, 0, [])


def test_skip_invalid_and_strict() -> None:
    bad = small_item("c", "bad")
    bad["assets"]["data"]["href"] = "relative.tif"
    text = lines(A, bad, B)
    skipped = dry_run("-", "--skip-invalid", stdin=text)
    assert (skipped["sent"], skipped["skipped"], skipped["refused"]) == (2, 1, 0)
    assert "the item does not say to what" in skipped["reasons"][0]["reason"]
    strict = dry_run("-", "--strict", stdin=text, code=1)
    assert (strict["sent"], strict["refused"]) == (0, 1)


def test_a_signature_that_has_ended_is_told() -> None:
    signed = small_item("c", "signed")
    signed["assets"]["data"]["href"] = (
        "https://ours.blob.core.windows.net/cogs/a.tif?sv=2021-06-08&sr=c&sp=r&se=2020-01-01T01%3A00%3A00Z&sig=SECRET"
    )
    report = dry_run("-", stdin=lines(signed, A))
    assert report["sent"] == 2
    (warning,) = report["warnings"]
    assert warning.startswith("1 items carry a signature that has ended, such as standard input:1: The href of asset")
    assert "ended at 2020-01-01T01:00:00Z" in warning
    assert "SECRET" not in warning
    assert dry_run("-", "--drop-assets", "data", stdin=lines(signed))["warnings"] == []


def test_collections_of_a_folder_and_re_targeting(tmp_path: Path) -> None:
    (tmp_path / "collection.json").write_text(json.dumps(small_collection("c")))
    (tmp_path / "config.json").write_text('{"render_config": {"minzoom": 9}, "mosaic_info": {}}')
    (tmp_path / "a.json").write_text(json.dumps(A))
    assert dry_run(str(tmp_path))["collections"] == ["c"]
    moved = dry_run(str(tmp_path), "--collection", "mine")
    assert moved["collections"] == ["mine"]
    assert moved["by_collection"] == {"mine": 1}
    assert moved["reasons"] == []


def test_a_static_catalog_is_followed(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    links = [{"rel": "child", "href": "./c/collection.json"}, {"rel": "child", "href": "./gone.json"}]
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "root", "description": "d", "links": links}
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    items = [{"rel": "item", "href": f"./{name}.json"} for name in ("a", "b")]
    assets = {"thumbnail": {"href": "https://example.com/thumbnail.png"}}
    (tmp_path / "c" / "collection.json").write_text(
        json.dumps(small_collection("c") | {"links": items} | {"assets": assets})
    )
    for item in (A, B):
        (tmp_path / "c" / f"{item['id']}.json").write_text(json.dumps(item))
    report = dry_run(str(tmp_path / "catalog.json"), code=1)
    assert report["collections"] == ["c"]
    assert report["by_collection"] == {"c": 2}
    assert [entry["origin"].rpartition("/")[2] for entry in report["reasons"]] == ["gone.json"]
    (change,) = report["changes"]
    assert change["origin"] == "collection c"
    assert change["conversions"][0].startswith("assets/thumbnail: left out, since GeoCatalog takes no assets")


def test_a_collection_or_catalog_among_items_or_on_standard_input_is_refused(
    served: tuple[Path, str, list[str]],
) -> None:
    folder, url, _ = served
    collection = small_collection("c") | {"links": [{"rel": "item", "href": "./a.json"}]}
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "root", "description": "d", "links": []}
    (folder / "lines.ndjson").write_text(lines(collection, A))
    (folder / "one.ndjson").write_text(lines(collection))
    (folder / "list.json").write_text(json.dumps([A, collection]))
    sources = {
        "-": ["standard input"],
        str(folder / "one.ndjson"): ["one.ndjson"],
        str(folder / "lines.ndjson"): ["lines.ndjson:1"],
        f"{url}/lines.ndjson": ["lines.ndjson:1"],
        str(folder / "list.json"): ["list.json#2"],
        str(folder): ["lines.ndjson:1", "list.json#2", "one.ndjson"],
    }
    for source, origins in sources.items():
        report = dry_run(source, stdin=json.dumps(collection), code=1)
        assert [entry["origin"].rpartition("/")[2] for entry in report["reasons"]] == origins
        assert all("It is a STAC Collection" in entry["reason"] for entry in report["reasons"])
        assert report["collections"] == []
    assert "It is a STAC Catalog" in dry_run("-", stdin=json.dumps(catalog), code=1)["reasons"][0]["reason"]


@pytest.mark.parametrize("sign", [{"conformsTo": []}, {"links": [{"rel": "search", "href": "./search"}]}])
def test_a_stac_api_is_no_static_catalog(served: tuple[Path, str, list[str]], sign: dict[str, Any]) -> None:
    folder, url, asked = served
    catalog: dict[str, Any] = {"type": "Catalog", "stac_version": "1.0.0", "id": "root", "description": "d"}
    child = {"rel": "child", "href": f"{url}/c.json"}
    (folder / "c.json").write_text(json.dumps(small_collection("c")))
    (folder / "api.json").write_text(json.dumps(catalog | sign | {"links": [child, *sign.get("links", [])]}))
    (folder / "static.json").write_text(json.dumps(catalog | {"links": [{"rel": "child", "href": f"{url}/api.json"}]}))
    for name in ("api.json", "static.json"):
        report = dry_run(f"{url}/{name}", code=1)
        assert (report["collections"], report["refused"]) == ([], 1)
        assert f"use --search {url}/api.json --collections" in report["reasons"][0]["reason"]
    assert "/c.json" not in asked


def test_a_page_of_a_stac_api_is_told_from_a_whole_collection(served: tuple[Path, str, list[str]]) -> None:
    folder, url, _ = served
    page = {"type": "FeatureCollection", "features": [A, B]}
    (folder / "items").write_text(json.dumps(page | {"links": [{"rel": "self", "href": f"{url}/items"}]}))
    assert dry_run(f"{url}/items?limit=2")["warnings"] == []
    (folder / "items").write_text(json.dumps(page | {"links": [{"rel": "next", "href": f"{url}/items?token=x"}]}))
    report = dry_run(f"{url}/items?limit=2&sig=secret")
    assert report["by_collection"] == {"c": 2}
    (warning,) = report["warnings"]
    assert f"{url}/items is one page of a STAC API" in warning
    assert "--search" in warning


NOTHING = {"": "empty", "<html>": "not JSON", "[]": "no items", "7": "not an object", '{"a": 1}': "not a STAC Item"}


def test_files_that_hold_nothing_to_send(tmp_path: Path) -> None:
    for number, content in enumerate(NOTHING):
        (tmp_path / f"{number}.txt").write_text(content)
    report = dry_run(*(str(tmp_path / f"{number}.txt") for number in range(len(NOTHING))), code=1)
    for entry, words in zip(report["reasons"], NOTHING.values(), strict=True):
        assert words in entry["reason"]


def test_a_folder_without_items(tmp_path: Path) -> None:
    done = run_forked("enqueue", str(tmp_path))
    assert done.returncode == 1
    assert "holds no STAC items" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux's /proc")
def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    """Ten times the items take no more memory at the peak than fits into noise."""

    def peak(count: int) -> int:
        file = tmp_path / f"{count}.ndjson"
        padding = "x" * 2_000
        file.write_text(lines(*(small_item("c", f"i{number}", padding=padding) for number in range(count))))
        code = (
            "import re, sys; from cli.main import app; "
            f"app(['enqueue', {str(file)!r}, '--dry-run'], standalone_mode=False); "
            "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        return int(done.stderr.split()[-1])

    small, large = peak(1_000), peak(10_000)
    assert large - small < 8_000, "kilobytes; the larger file alone has over 20,000"


def test_what_is_converted_is_told_and_the_message_says_what_hrefs_are_relative_to(
    served: tuple[Path, str, list[str]],
) -> None:
    folder, url, _ = served
    relative = small_item("c", "r")
    relative["assets"]["data"]["href"] = "./data file.tif"
    page = {"type": "FeatureCollection", "features": [relative], "links": [{"rel": "root", "href": url}]}
    files = {
        "item.json": relative,
        "many.json": {"type": "FeatureCollection", "features": [relative]},
        "page.json": page,
    }
    for name, document in files.items():
        (folder / name).write_text(json.dumps(document))

    for name in ("item.json", "many.json"):
        (change,) = dry_run(f"{url}/{name}")["changes"]
        assert change["conversions"] == ["assets/data/href: made absolute.", "assets/data/href: percent-encoded."]
    assert "is relative" in dry_run(f"{url}/page.json", code=1)["reasons"][0]["reason"]


def test_an_item_is_the_same_by_itself_and_by_its_catalog(served: tuple[Path, str, list[str]]) -> None:
    folder, url, _ = served
    odd = small_item("c", "odd") | {"stac_version": "1.0.0"}
    odd["properties"]["proj:epsg"] = 32632
    odd["assets"]["data"]["href"] = "./odd.tif"
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "x", "links": [{"rel": "item", "href": "./odd.json"}]}
    (folder / "odd.json").write_text(json.dumps(odd))
    (folder / "odd-catalog.json").write_text(json.dumps(catalog))

    (by_itself,) = read_input(Input(f"{url}/odd.json"))
    (by_catalog,) = follow_catalog(f"{url}/odd-catalog.json", collections=False)

    assert isinstance(by_itself, documents.Document)
    assert isinstance(by_catalog, documents.Document)
    assert by_catalog.body == based_at(by_itself.body, document_url=f"{url}/odd.json")


TWO_BOXES = {"spatial": {"bbox": [[0, 0, 1, 1], [5, 5, 6, 6]]}, "temporal": {"interval": [[None, None]]}}


@pytest.mark.parametrize(
    ("definition", "taken"),
    [
        ({"stac_version": "0.9.0", "type": None}, True),
        ({"assets": {"a": {"href": "https://example.com/a.tif"}}}, True),
        ({"extent": TWO_BOXES}, True),
        ({"stac_version": "1.1.0", "extent": TWO_BOXES}, False),
        ({"stac_version": "0.6.2", "type": None, "extent": {"spatial": [0, 0, 1, 1], "temporal": [None, None]}}, True),
        ({"type": "collection"}, False),
        ({"license": "CC BY"}, False),
        ({"extent": {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [["2024-01-01", None]]}}}, False),
    ],
    ids=["0.9", "assets", "two boxes", "two boxes of 1.1", "0.6", "type in small letters", "license", "a day"],
)  # fmt: skip
def test_validate_and_enqueue_agree_on_a_collection(tmp_path: Path, definition: dict[str, Any], taken: bool) -> None:
    made = {name: value for name, value in {**small_collection("c"), **definition}.items() if value is not None}
    file = tmp_path / "c.json"
    file.write_text(json.dumps(made))

    assert run_forked("validate", str(file)).returncode == (0 if taken else 1)
    report = dry_run(str(file), code=0 if taken else 1)
    assert report["collections"] == (["c"] if taken else [])
