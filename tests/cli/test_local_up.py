"""`local up --geocatalog`: the app on this machine, a GeoCatalog elsewhere, the login that the environment has."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Cli, run_forked
from tests.conftest import running_part
from tests.running_stack import running_stack, small_collection, small_item


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with running_part("local.geocatalog", "--assets", "trust") as url:
        yield url


def test_items_go_to_that_geocatalog(login: dict[str, str], elsewhere: str, tmp_path: Path) -> None:
    quick = {"TRACK_SCHEDULE": "* * * * * *", "TIME_SCALE": "0.1"}
    with running_stack(tmp_path / "state", "--geocatalog", elsewhere, settings=login | quick) as stack:
        assert stack.env.items() >= {"GEOCATALOG_URL": elsewhere, **quick}.items(), "the environment does not win"
        emulated = {"IDENTITY_ENDPOINT", "PLANETARY_COMPUTER_URL", "MAX_REQUESTS_PER_SECOND", "RENEW_SCHEDULE"}
        assert not emulated & stack.env.keys()
        cli = Cli(stack.env | login)
        file = tmp_path / "collection.json"
        file.write_text(json.dumps(small_collection("elsewhere")))
        cli.ok("apply", str(file))
        cli.ok("enqueue", "-", stdin=json.dumps(small_item("elsewhere", "a")))
        cli.ok("watch", "--until", "60s")
        assert [item["id"] for item in cli.json("search", "--collections", "elsewhere")["features"]] == ["a"]
        assert cli.json("doctor")["healthy"]


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"URL": "http://127.0.0.1:1"}, 1, "did not answer"),
        ({"URL": "nonsense"}, 2, "must be an absolute https URL"),
        ({"GEOCATALOG_SCOPE": "https://wrong.example/.default"}, 1, "sign in with `az login`"),
    ],
)
def test_what_would_fail_is_told_before_anything_is_started(
    login: dict[str, str], elsewhere: str, settings: dict[str, str], code: int, words: str
) -> None:
    url = settings.get("URL", elsewhere)
    done = run_forked("local", "up", "--state", "never-made", "--geocatalog", url, settings=login | settings)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    assert not Path("never-made").exists()


def test_a_stack_that_is_started_takes_nothing_from_one_that_runs(tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "env").write_text("GEOCATALOG_SCOPE=https://of.another/.default\nGEOCATALOG_API_VERSION=x\n")
    done = run_forked("local", "up", "--state", "other", "--geocatalog", "http://127.0.0.1:1", cwd=tmp_path)
    assert "GEOCATALOG_API_VERSION" not in done.stderr
