"""STAC GeoParquet: the same items as in JSON, from files, folders, URLs and standard input."""

import functools
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import rustac
from arro3.core import Array, DataType, RecordBatch, Table
from arro3.io import read_parquet as read_batches
from arro3.io import write_parquet

from cli.documents.documents import Document, Unreadable
from cli.documents.parquet import MAX_BATCH_ROWS, read_parquet
from cli.output.faults import CommandError
from shared.stac.items import prepare_item
from tests.cli.command import run_forked
from tests.running_stack import small_item


def scene(item_id: str, **properties: Any) -> dict[str, Any]:
    """Return an item as GeoParquet can hold it: rustac writes STAC 1.1.0 only."""
    return small_item("c", item_id, **properties) | {"stac_version": "1.1.0"}


def scenes() -> list[dict[str, Any]]:
    """Return items of which each has members that others lack."""
    extension = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
    first = scene("a", **{"proj:code": None, "proj:shape": [None, 20], "eo:cloud_cover": 1, "nested": {"x": 1}})
    second = scene(
        "b",
        **{
            "proj:code": None,
            "gsd": 10,
            "updated": "2024-03-01T00:00:00Z",
            "nested": {"y": [{"z": "one"}, {"w": 2}]},
            "flag": False,
        },
    )
    second["assets"] |= {"mask": {"href": "https://example.com/mask.tif", "bands": [{"name": "m"}, {"nodata": 0}]}}
    third = scene("c", **{"proj:code": None, "text": "", "list": []})
    third["properties"] |= {
        "datetime": None,
        "start_datetime": "2024-02-05T12:00:00.123Z",
        "end_datetime": "2024-02-06T12:00:00Z",
    }
    third["links"] = [{"rel": "license", "href": "https://example.com/license", "title": "The license"}]
    third["geometry"] = {"type": "Polygon", "coordinates": [[[0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [0.5, 0.5]]]}
    third["bbox"] = [0.5, 0.5, 1.5, 1.5]
    return [{**item, "stac_extensions": [extension]} for item in (first, second, third)]


def write(path: Path, items: list[dict[str, Any]]) -> Path:
    rustac.write_sync(str(path), items)
    return path


def dry_run(*arguments: str, stdin: bytes | None = None, code: int = 0) -> dict[str, Any]:
    done = run_forked("enqueue", *arguments, "--dry-run", "--json", stdin=stdin)
    assert done.returncode == code, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def hash_of(item: dict[str, Any]) -> str:
    return prepare_item(item, collection="c", planetary_computer_url="https://pc.example").content_hash


def test_items_are_the_same_content_as_in_json(tmp_path: Path) -> None:
    items = scenes()
    found = list(read_parquet(write(tmp_path / "items.parquet", items), "items.parquet"))
    bodies = [read.body for read in found if isinstance(read, Document)]
    # Parquet holds the instant of `updated`, not its spelling.
    spelled = json.loads(json.dumps([body["properties"] for body in bodies]).replace("+00:00", "Z"))
    assert spelled == [item["properties"] for item in items]
    assert [body["assets"] for body in bodies] == [item["assets"] for item in items]
    assert [hash_of(body) for body in bodies] == [hash_of(item) for item in items]
    assert [read.size for read in found] == [0, 0, (tmp_path / "items.parquet").stat().st_size]


def test_files_of_any_size_folders_of_parts_and_standard_input(tmp_path: Path) -> None:
    many = [scene(f"m{number}") for number in range(2 * MAX_BATCH_ROWS + 1)]
    parts = tmp_path / "parts"
    (parts / "year=2024").mkdir(parents=True)
    write(parts / "part-0.parquet", many[:3])
    write(parts / "year=2024" / "part-1.parquet", many[3:5])
    (parts / "_SUCCESS").touch()
    assert dry_run(str(write(tmp_path / "many.parquet", many)))["by_collection"] == {"c": len(many)}
    assert dry_run(str(parts))["by_collection"] == {"c": 5}
    content = (parts / "part-0.parquet").read_bytes()
    unnamed = tmp_path / "unnamed"
    unnamed.write_bytes(content)
    assert dry_run(str(unnamed), "-", stdin=content)["sent"] == 6
    assert json.loads(run_forked("validate", str(parts), "--json").stdout)["items"] == 5


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_url_is_read_once_and_never_sent_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "items.parquet", scenes())
    with serving(tmp_path) as (url, asked):
        assert dry_run(f"{url}/items.parquet?token=x")["sent"] == 3
        assert asked == ["/items.parquet?token=x"]
        report = dry_run(f"{url}/items.parquet", "--by-reference", code=1)
    assert "The app reads no GeoParquet" in report["reasons"][0]["reason"]


def geometry(batch: RecordBatch, row: int) -> bytes:
    return bytes(batch.column("geometry")[row].as_py())


def test_a_broken_file_and_a_row_that_is_no_item_are_told(tmp_path: Path) -> None:
    content = write(tmp_path / "whole.parquet", scenes()).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(content[:-100])
    (tmp_path / "tiny.parquet").write_bytes(b"PAR1")
    (tmp_path / "garbled.parquet").write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    (tmp_path / "other.parquet").write_bytes(b"text")
    rows = read_batches(tmp_path / "whole.parquet").read_all()
    batch = rows.to_batches()[0]
    names = batch.schema.names
    arrays = [batch.column(name) for name in names]
    arrays[names.index("id")] = Array(["a", None, "c"], type=batch.schema.field("id").type)
    arrays[names.index("geometry")] = Array([geometry(batch, 0), geometry(batch, 1), b"no"], type=DataType.binary())
    write_parquet(Table.from_batches([RecordBatch.from_arrays(arrays, schema=batch.schema)]), tmp_path / "row.parquet")
    report = dry_run(str(tmp_path), code=1)
    assert report["sent"] == 3 + 1
    reasons = {Path(entry["origin"].partition(" ")[0]).name: entry["reason"] for entry in report["reasons"]}
    assert reasons.keys() == {
        "cut.parquet", "tiny.parquet", "garbled.parquet#1", "other.parquet", "row.parquet#2", "row.parquet#3",
    }  # fmt: skip
    assert "does not end as one" in reasons["cut.parquet"]
    assert "cannot be read as parquet" in reasons["garbled.parquet#1"]
    assert "not a STAC Item" in reasons["row.parquet#3"]


def test_a_file_of_no_rows_is_told(tmp_path: Path) -> None:
    table = read_batches(write(tmp_path / "one.parquet", scenes()[:1])).read_all()
    write_parquet(table.slice(0, 0), tmp_path / "none.parquet")
    (read,) = read_parquet(tmp_path / "none.parquet", "none.parquet")
    assert isinstance(read, Unreadable)
    assert "no rows" in read.reason


def test_without_the_extra_a_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "items.parquet", scenes())
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    with pytest.raises(CommandError, match=r"items.parquet is GeoParquet, .* pip install \"\.\[cli,parquet\]\""):
        next(read_parquet(path, "items.parquet"))
