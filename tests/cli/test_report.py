"""The report page: its structure, and what a real browser makes of it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Cli
from tests.running_stack import RunningStack, small_item

CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")),
    ),
    None,
)


class Page(HTMLParser):
    """Reads which elements a page has, and whether each that is opened is closed."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(cli: Cli, stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    stack.create_collection("report")
    good = small_item("report", "good") | {"assets": {}, "bbox": [-23.0, 63.0, -22.0, 64.0]}
    stack.send("items", good)
    bad = small_item("report", "bad")
    bad["properties"]["datetime"] = "<script>alert(1)</script>"
    stack.send("items", bad)
    stack.result(collection="report", id="good", outcome="ingested")
    stack.result(collection="report", id="bad", outcome="failed")
    file = tmp_path_factory.mktemp("report") / "report.html"
    cli.ok("report", "-o", str(file))
    return file


def test_the_page_is_whole_and_self_contained(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parsed = Page(text)
    assert parsed.open == []
    sections = [attributes.get("id") for tag, attributes in parsed.elements if tag == "section"]
    assert sections == ["totals", "map", "days", "collections", "failures", "sources"]
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in parsed.elements}
    assert not re.search(r"""(src|href)=|url\(|@import""", text)
    outlines = [attributes for tag, attributes in parsed.elements if attributes.get("class") == "footprint"]
    assert "Succeeded" in {outline["data-state"] for outline in outlines}
    assert "InvalidStac" in parsed.text
    assert "Fix what the message names" in parsed.text
    assert "Counted are GeoCatalog's operations" in parsed.text
    bars = {attributes["data-outcome"] for _, attributes in parsed.elements if attributes.get("class") == "bar"}
    assert "ingested" in bars


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium, Chrome or Edge on PATH")
def test_the_page_in_a_browser(page: Path, tmp_path: Path) -> None:
    def chromium(*arguments: str) -> subprocess.CompletedProcess[str]:
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        return subprocess.run(
            [str(CHROMIUM), *options, *arguments, page.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip

    shown: Any = Page(chromium("--dump-dom").stdout)
    assert [a["data-state"] for _, a in shown.elements if a.get("class") == "footprint"]
    picture = tmp_path / "page.png"
    chromium(f"--screenshot={picture}", "--window-size=1100,1500")
    assert picture.stat().st_size > 10_000, "the page is blank"


def test_a_page_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    done = cli.run("report", "-o", str(tmp_path / "no" / "folder.html"))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
