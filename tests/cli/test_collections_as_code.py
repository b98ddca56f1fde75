"""`validate`, `plan`, `diff`, `apply` and `export`, on a running stack."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Cli, run
from tests.data.configurations import as_planetary_computer_files
from tests.running_stack import RunningStack, small_collection, small_item

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def configuration(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    collection = request.node.name.replace("_", "-")[:60]
    (tmp_path / "thumb.png").write_bytes(PIXEL)
    message = {
        "definition": small_collection(collection),
        "thumbnail": {"href": "thumb.png"},
        "render_options": [
            {"name": "Natural color", "options": "assets=visual", "min_zoom": 8},
            {"name": "A name that is far too long for what GeoCatalog takes", "options": "assets=visual"},
        ],
        "mosaics": [{"name": "Clear", "cql": [{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 10]}]}],
        "tile_settings": {"min_zoom": 7, "max_items_per_tile": 20},
        "queryables": [{"name": "eo:cloud_cover", "definition": {"type": "number"}, "data_type": "number"}],
        "partition_type": {"scheme": "year"},
    }
    file = tmp_path / "collection.json"
    file.write_text(json.dumps(message))
    return file


def writes(stack: RunningStack) -> list[dict[str, Any]]:
    requests = stack.catalog("GET", "/_emulator/requests").json()
    return [
        request
        for request in requests
        if request["method"] != "GET" and request["path"] not in {"/stac/search", "/_emulator/reset"}
    ]


def test_names_that_no_id_can_be_cut_from_blindly_become_ids(cli: Cli, stack: RunningStack, tmp_path: Path) -> None:
    """The tutorial's way makes the same id of two of them, and one that ends in a dash."""
    file = tmp_path / "neighbours.yaml"
    file.write_text("planetary_computer: sentinel-2-neighbours\ncollection: neighbours\n")
    applied = cli.json("apply", str(file))["collections"][0]
    assert applied["outcome"] == "applied"
    options = stack.clients.geocatalog.get_configuration("neighbours", "render-options")
    mosaics = stack.clients.geocatalog.get_configuration("neighbours", "mosaics")
    assert options is not None
    assert mosaics is not None
    assert (len(options), len(mosaics)) == (4, 2)
    for part in (*options, *mosaics):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,28}[a-z0-9])?", part["id"])
    assert len({option["options"] for option in options}) == len({option["id"] for option in options}) == 4


def test_applied_exported_and_applied_again_without_a_write(
    cli: Cli, stack: RunningStack, configuration: Path, tmp_path: Path
) -> None:
    collection = json.loads(configuration.read_text())["definition"]["id"]
    planned = cli.json("plan", str(configuration))
    assert planned["collections"][0]["exists"] is False
    assert cli.json("diff", str(configuration), code=1)["changes"] == planned["changes"] == 8
    applied = cli.json("apply", str(configuration))["collections"][0]
    assert applied["outcome"] == "applied"
    assert cli.json("diff", str(configuration))["changes"] == 0
    files = cli.json("export", collection, "--to", str(tmp_path / "json"))["files"]
    assert {Path(file).suffix for file in files} == {".json", ".png"}
    assert cli.json("diff", "--prune", str(tmp_path / "json"))["changes"] == 0
    folder = tmp_path / "yaml"
    cli.ok("export", collection, "--yaml", "--to", str(folder))
    assert cli.json("validate", str(folder))["valid"]
    stack.catalog("POST", "/_emulator/reset")
    assert cli.json("apply", "--prune", str(folder))["collections"][0]["outcome"] == "applied"
    assert writes(stack) == []


def test_the_files_of_the_planetary_computer_applied_exported_and_applied_again_without_a_write(
    cli: Cli, stack: RunningStack, tmp_path: Path
) -> None:
    message = as_planetary_computer_files("of-the-planetary-computer")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "collection.json").write_text(json.dumps(message.pop("definition")))
    (folder / "config.json").write_text(json.dumps(message))
    assert cli.json("validate", str(folder)) == {
        "valid": True, "files": 2, "configurations": 1, "items": 0, "faults": [], "passed_over": [], "changes": [],
        "converted": 0,
    }  # fmt: skip
    parts = cli.json("apply", str(folder))["collections"][0]["parts"]
    applied = {part for part, record in parts.items() if record["state"] == "applied"}
    assert applied == {"definition", "tile_settings", "render_options", "mosaics"}
    assert cli.json("plan", "--prune", str(folder))["changes"] == 0
    cli.ok("diff", "--prune", str(folder))
    assert "of-the-planetary-computer.json" in cli.ok("export", "--all", str(tmp_path / "all"))
    file = tmp_path / "all" / "of-the-planetary-computer.json"
    stack.catalog("POST", "/_emulator/reset")
    for path in (folder, file):
        assert cli.json("apply", "--prune", str(path))["collections"][0]["outcome"] == "applied"
    assert writes(stack) == []


def test_drift_is_shown_as_a_difference_and_mended(cli: Cli, stack: RunningStack, configuration: Path) -> None:
    collection = json.loads(configuration.read_text())["definition"]["id"]
    cli.ok("apply", str(configuration))
    stack.clients.geocatalog.put_configuration(collection, "tile-settings", {"minZoom": 3, "maxItemsPerTile": 20})
    stack.clients.geocatalog.delete_configuration(collection, "mosaics", "clear")
    done = cli.run("diff", str(configuration))
    assert done.returncode == 1
    assert '-  "minZoom": 3' in done.stdout
    assert '+  "minZoom": 7' in done.stdout
    assert "mosaics: add clear" in done.stdout
    cli.ok("apply", str(configuration))
    cli.ok("diff", str(configuration))


def test_a_change_that_geocatalog_does_not_show_is_a_difference_until_it_is_sent(cli: Cli, configuration: Path) -> None:
    cli.ok("apply", str(configuration))
    message = json.loads(configuration.read_text())
    message["queryables"][0]["create_index"] = True
    configuration.write_text(json.dumps(message))
    (change,) = cli.json("diff", str(configuration), code=1)["collections"][0]["changes"]
    assert change["what"] == "replace eo:cloud_cover"
    assert [line for line in change["lines"] if line.startswith(("+", "-"))] == ['+  "create_index": true,']
    cli.ok("apply", str(configuration))
    cli.ok("diff", str(configuration))


def test_a_refused_part_fails_the_command_and_not_the_others(cli: Cli, configuration: Path) -> None:
    message = json.loads(configuration.read_text())
    message["thumbnail"] = {"data": base64.b64encode(b"no image").decode()}
    configuration.write_text(json.dumps(message))
    applied = cli.json("apply", str(configuration), code=1)["collections"][0]
    assert applied["outcome"] == "refused"
    states = {part: record["state"] for part, record in applied["parts"].items()}
    assert states["thumbnail"] == "refused"
    assert states["render_options"] == "applied"
    assert cli.json("show", applied["collection"])["parts"] == applied["parts"]
    assert "! thumbnail: refused — The thumbnail is not a PNG" in cli.ok("show", applied["collection"])


def test_a_rejected_message_is_told(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("planetary_computer: no-such-collection\ncollection: rejected\n")
    applied = cli.json("apply", str(file), code=1)["collections"][0]
    assert applied["outcome"] == "rejected"
    assert "no-such-collection" in applied["reason"]


def test_a_mark_that_a_file_fixes_tells_each_run_its_own_outcome(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "marked.json"
    bad: dict[str, Any] = {"planetary_computer": "no-such-collection", "collection": "marked"}
    good: dict[str, Any] = {"definition": small_collection("marked")}
    refused = good | {"thumbnail": {"data": base64.b64encode(b"no image").decode()}}
    wanted = [(bad, "rejected"), (good, "applied"), (refused, "refused"), (good, "applied"), (bad, "rejected")]
    for message, outcome in wanted:
        file.write_text(json.dumps(message | {"correlation_id": "fixed"}))
        code = 0 if outcome == "applied" else 1
        assert cli.json("apply", str(file), code=code)["collections"][0]["outcome"] == outcome


def test_no_wait(cli: Cli, configuration: Path) -> None:
    assert cli.json("apply", "--no-wait", str(configuration))["collections"][0]["outcome"] == "sent"


def test_files_that_name_the_schema_for_editors(cli: Cli, tmp_path: Path) -> None:
    schema = "https://example.com/collections.schema.json"
    message = {"$schema": schema, "definition": small_collection("editors-json")}
    (tmp_path / "a.json").write_text(json.dumps(message))
    (tmp_path / "b.yaml").write_text(
        f"# yaml-language-server: $schema={schema}\ndefinition: {json.dumps(small_collection('editors-yaml'))}\n"
    )
    assert cli.json("validate", str(tmp_path))["configurations"] == 2
    outcomes = {one["collection"]: one["outcome"] for one in cli.json("apply", str(tmp_path))["collections"]}
    assert outcomes == {"editors-json": "applied", "editors-yaml": "applied"}


FAULTY = """
planetary_computer: x
render_option: []
partition_type: {scheme: week}
mosaics:
 - {id: "-a", cqll: []}
 - {name: b, cql: [{op: "=", args: [1]}]}
 - {id: d, name: x}
 - {id: d, name: y}
queryables: [{name: "eo:cloud_cover", data_typ: number}]
render_options: [{name: n, type: rastertile, options: x}]
tile_settings: {minZoom: 99}
"""


def test_validate_names_place_and_mend_of_each_fault(tmp_path: Path) -> None:
    file = tmp_path / "faulty.yaml"
    file.write_text(FAULTY)
    definition = small_collection("d") | {"extent": {"spatial": {}}, "assets": {"a": {"href": "x"}}}
    (tmp_path / "collection.json").write_text(json.dumps(definition))
    done = run("validate", str(tmp_path), "--json")
    assert done.returncode == 1, done.stderr
    faults = {fault["place"]: fault["fault"] for fault in json.loads(done.stdout)["faults"]}
    assert "did you mean render_options" in faults["render_option"]
    assert "did you mean cql" in faults["mosaics.0.cqll"]
    assert "did you mean data_type" in faults["queryables.0.data_typ"]
    assert faults.keys() >= {
        "partition_type.scheme", "mosaics.0.id", "mosaics.b.cql.0", "mosaics.2.id", "queryables.0.definition",
        "render_options.0.type", "tile_settings.minZoom", "definition",
    }  # fmt: skip


def test_validate_checks_items_too_and_names_line_and_entry(tmp_path: Path) -> None:
    good = small_item("scenes", "good")
    bad = small_item("scenes", "bad") | {"assets": {"a": {"href": "relative.tif"}}}
    (tmp_path / "item.json").write_text(json.dumps(good))
    (tmp_path / "many.json").write_text(json.dumps({"type": "FeatureCollection", "features": [good, bad]}))
    (tmp_path / "lines.ndjson").write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\nnonsense\n")
    (tmp_path / "other.json").write_text('{"hello": "world"}')
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "broken.yaml").write_text("collection: a\nmosaics: [\n")
    (tmp_path / "latin.json").write_bytes('{"planetary_computer": "é"}'.encode("latin-1"))
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text("planetary_computer: naip\n")
    done = run("validate", str(tmp_path), "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["items"], found["configurations"]) == (1, 5, 2)
    assert found["passed_over"] == [str(tmp_path / "other.json")]
    faults = {(Path(fault["file"]).name, fault["place"]): fault["fault"] for fault in found["faults"]}
    for place, words in {
        ("many.json", "2"): "the item does not say to what",
        ("lines.ndjson", "2"): "the item does not say to what",
        ("lines.ndjson", "3"): "The line is not JSON: ",
        ("empty.yaml", ""): "It is empty",
        ("broken.yaml", "line 3"): "It is not YAML",
        ("latin.json", ""): "It is not JSON",
        ("two.yaml", "collection"): "one.yaml configures naip too",
    }.items():
        assert words in faults.pop(place)
    assert faults == {}


def test_validate_tells_of_signatures_that_have_ended(tmp_path: Path) -> None:
    item = small_item("scenes", "signed")
    blob = "https://account.blob.core.windows.net/container/a.tif?sv=2024-01-01&sp=rl&sr=c&sig=c2VjcmV0"
    item["assets"] = {
        "ended": {"href": f"{blob}&se=2024-01-02T00:00:00Z"},
        "lasting": {"href": f"{blob}&se=2099-01-02T00:00:00Z"},
    }
    (tmp_path / "signed.json").write_text(json.dumps(item))
    done = run("validate", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    (change,) = json.loads(done.stdout)["changes"]
    (warning,) = change["warnings"]
    assert warning.startswith("The href of asset ended carries a signature (SAS) of its own, which ended at 2024-01-02")
    assert "c2VjcmV0" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "not JSON"),
        ("a.yaml", "a: [", "not YAML"),
        ("a.yaml", "- a", "holds no object"),
        ("a.yaml", "planetary_computer: x\nthumbnail: 2024-02-30", "not YAML"),
        ("a.yaml", "planetary_computer: x\nmosaic: []", "did you mean mosaics"),
        ("a.yaml", "planetary_computer: x\nthumbnail: gone.png", "no such file beside it"),
        ("a.yaml", "planetary_computer: x\ndefinition: {id: y}", "exactly one"),
        ("a.yaml", "href: https://example.com/c.json", "say under collection"),
        ("a.yaml", "planetary_computer: bad id", "is not one GeoCatalog takes"),
    ],
)
def test_a_bad_file_is_never_sent(name: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    done = run("apply", str(tmp_path / name), settings={"INGEST_STORAGE": "UseDevelopmentStorage=true"})
    assert done.returncode == 1
    assert words in done.stderr
