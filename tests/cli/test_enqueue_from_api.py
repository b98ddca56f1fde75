"""`enqueue --search` on a STAC API that does not do what the specification says."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.options.search import Query
from cli.output.faults import CommandError
from cli.send import api_client
from cli.send.stac_api import StacSearch
from tests.cli.command import run_forked
from tests.misbehaving_stac_api import (
    MisbehavingStacApi,
    date_in,
    emptied,
    endless,
    entry,
    expired_tokens,
    matched,
    misbehaving_stac_api,
    next_back_to_first,
    next_behind_the_last,
    next_link,
    no_next,
    overlapping,
    raw,
    status,
    unmatched,
)
from tests.running_stack import small_item

ITEMS = [small_item("c", f"item-{number}") for number in range(6)]


def run(api: MisbehavingStacApi, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return run_forked("enqueue", "--search", api.url, *arguments, "--dry-run", **options)


def report_of(api: MisbehavingStacApi, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
    done = run(api, *arguments, "--json", **options)
    assert done.returncode == code, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("next_by", ["merge", "whole body", "GET"])
@pytest.mark.parametrize("search_by", [("POST", "GET"), ("GET",)])
def test_every_page_is_followed_however_the_api_links_it(next_by: str, search_by: tuple[str, ...]) -> None:
    others = [small_item("other", f"other-{number}") for number in range(3)]
    with misbehaving_stac_api([*ITEMS, *others], next_by=next_by, search_by=search_by) as api:
        report = report_of(api, "--collections", "c", "--datetime", "2024")
        assert (report["by_collection"], report["warnings"], report["complete"]) == ({"c": 6}, [], True)
        assert [search.fields["collections"] for search in api.searches] == [["c"]] * 3
        assert {search.fields["datetime"] for search in api.searches} == {"2024-01-01T00:00:00Z/2024-12-31T23:59:59Z"}


def test_headers_of_a_link_are_sent_and_a_merged_body_keeps_the_search() -> None:
    headers = {"X-Cursor": ["a", "b"], "X-None": None}
    with misbehaving_stac_api(ITEMS, faults=[next_link(page=1, headers=headers)]) as api:
        assert report_of(api, "--collections", "c")["sent"] == 6
        assert [search.headers.get("X-Cursor") for search in api.searches] == [None, "a, b", None]


def test_a_filter_is_posted_as_json_and_asked_for_as_text() -> None:
    for text in ("cloudy < 10", '{"op": "<", "args": [{"property": "cloudy"}, 10]}'):
        for method in ("POST", "GET"):
            with misbehaving_stac_api(ITEMS, search_by=(method,)) as api:
                assert report_of(api, "--filter", text, "--max-items", "1")["sent"] == 1
                fields = api.searches[0].fields
            if method == "POST":
                assert fields["filter"] == {"op": "<", "args": [{"property": "cloudy"}, 10]}
                assert fields["filter-lang"] == "cql2-json"
            else:
                assert ("cloudy" in fields["filter"], fields["filter-lang"]) == (True, "cql2-text")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (next_back_to_first(), "leads back to a page that was read before; 2 different items"),
        (endless(ITEMS[:2]), "gave 20 pages in a row without a new item; 2 different items"),
        (endless([]), "gave 20 pages in a row without a new item; 0 different items"),
    ],
)
def test_pages_that_repeat_themselves_end_with_an_error(fault: Any, words: str) -> None:  # noqa: ANN401
    with misbehaving_stac_api(ITEMS, faults=[fault]) as api:
        done = run(api)
        assert done.returncode == 1
        assert words in done.stderr
        assert len(api.searches) <= 21


def test_an_empty_page_before_a_full_one_is_skipped() -> None:
    with misbehaving_stac_api(ITEMS, faults=[emptied(1, 2), unmatched()]) as api:
        report = report_of(api)
        assert (report["sent"], report["warnings"]) == (2, [])


def test_an_empty_last_page_that_leads_to_itself_is_the_end() -> None:
    itself = {"body": {"token": "4"}, "merge": True}
    links = [{"rel": "next", "method": "POST", "href": "search", **itself}]

    def last(answer: Any) -> None:  # noqa: ANN401
        if answer.page == 3:
            answer.body |= {"features": [], "links": links}

    with misbehaving_stac_api(ITEMS[:5], faults=[last, matched(4)]) as api:
        report = report_of(api)
        assert (report["sent"], report["warnings"]) == (4, [])


def test_an_entry_that_is_no_item_counts_as_refused() -> None:
    with misbehaving_stac_api(ITEMS, faults=[entry(None, page=2), entry({"type": "Collection"}, page=3)]) as api:
        report = report_of(api, code=1)
    assert (report["sent"], report["refused"]) == (6, 2)
    assert report["reasons"][0]["origin"] == "page 2, entry 1"
    assert report["warnings"] == []


@pytest.mark.parametrize(
    "faults",
    [
        [next_behind_the_last()],
        [next_behind_the_last(), unmatched()],
        [unmatched(), next_behind_the_last("search?token=6")],
    ],
)
def test_a_next_link_on_the_last_page_that_leads_nowhere_is_the_end(faults: Any) -> None:  # noqa: ANN401
    with misbehaving_stac_api(ITEMS, faults=faults) as api:
        report = report_of(api)
        assert (report["sent"], report["complete"]) == (6, True)
        assert all("taken for the end" in warning for warning in report["warnings"])


@pytest.mark.parametrize("link", [{"href": ""}, {"href": None}, {"method": "DELETE"}])
def test_a_next_link_without_a_target_is_the_end(link: dict[str, Any]) -> None:
    with misbehaving_stac_api(ITEMS, faults=[unmatched(), next_link(page=3, body=None, **link)]) as api:
        assert report_of(api)["sent"] == 6


def test_a_full_page_whose_next_link_leads_nowhere_is_no_end() -> None:
    with misbehaving_stac_api(ITEMS, page_size=250, faults=[unmatched(), next_behind_the_last()]) as api:
        api.items = [small_item("c", f"many-{number}") for number in range(250)]
        done = run(api)
    assert done.returncode == 1
    assert "leads nowhere (404), though that page was full; 1 page with 250 items had come" in done.stderr


def test_expired_tokens_end_with_how_far_it_came() -> None:
    with misbehaving_stac_api(ITEMS, faults=[expired_tokens()]) as api:
        done = run(api)
    assert done.returncode == 1
    assert (
        "answered 400 when asked for page 2 (The token has expired.); 1 page with 2 items of 6 had come" in done.stderr
    )


def test_an_http_link_on_the_own_host_of_an_https_api_is_read_as_https(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with misbehaving_stac_api(ITEMS, tls=tmp_path, faults=[next_link(href="http://127.0.0.1/search")]) as api:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        assert report_of(api)["sent"] == 6


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_api_is_asked_again(code: int) -> None:
    faults = [status(code, page=1, times=2), status(code, page=2, times=1, retry_after=date_in(1))]
    with misbehaving_stac_api(ITEMS, faults=[*faults, status(code, page=3, times=1, retry_after="1")]) as api:
        done = run(api, "--json")
        assert json.loads(done.stdout)["sent"] == 6
        assert len(api.searches) == 3 + 4
        assert f"answered {code} for page 3; waiting 1 s (try 1 of 5)" in done.stderr


@pytest.mark.parametrize(
    ("retry_after", "words", "tries"),
    [
        ("0", "answered 429 5 times when asked for page 2; 1 page with 2 items of 6", 5),
        ("400", "asks to wait for 400 s", 1),
    ],
)
def test_an_api_that_stays_busy_is_given_up_with_how_far_it_came(retry_after: str, words: str, tries: int) -> None:
    with misbehaving_stac_api(ITEMS, faults=[status(429, page=2, retry_after=retry_after)]) as api:
        done = run(api)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Would send 2 items to c" in done.stdout
        assert len(api.searches) == 1 + tries


def test_an_api_that_names_no_wait_or_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_client, "_FIRST_WAIT_SECONDS", 0.01)
    faults = [status(500, page=1, times=4, retry_after=None), status(500, page=2, times=4, retry_after="soon")]
    with misbehaving_stac_api(ITEMS, faults=faults) as api:
        assert len(list(StacSearch(api.url, Query()).read())) == 6
    with pytest.raises(
        CommandError, match=r"did not answer \(ConnectionError\) 5 times when asked for its landing page"
    ):
        StacSearch(api.url, Query()).count()  # its port is closed now


@pytest.mark.parametrize("as_context", [False, True])
def test_fewer_items_than_the_api_counted_are_a_warning_and_a_failure(as_context: bool) -> None:
    with misbehaving_stac_api(ITEMS, faults=[matched(341, as_context=as_context), no_next(page=2)]) as api:
        report = report_of(api, code=1)
        assert (report["sent"], report["complete"], len(report["warnings"])) == (4, False, 1)
        assert "says that 341 items match the search, and its pages brought 4" in report["warnings"][0]
        report = report_of(api, "--max-items", "5")
        assert (report["sent"], report["warnings"]) == (4, [])


@pytest.mark.parametrize("faults", [[matched(10_000)], [matched(341), matched(340, page=3)]])
def test_an_estimate_of_the_items_is_only_noted(faults: Any) -> None:  # noqa: ANN401
    with misbehaving_stac_api(ITEMS, faults=faults) as api:
        report = report_of(api)
    assert (report["sent"], report["complete"], len(report["warnings"])) == (6, True, 1)
    assert "estimates" in report["warnings"][0]


@pytest.mark.parametrize("figure", [None, "341", -1, True, 6])
def test_a_count_that_is_none_is_no_warning(figure: object) -> None:
    with misbehaving_stac_api(ITEMS, faults=[matched(figure)]) as api:
        assert report_of(api)["warnings"] == []


def test_items_that_come_twice_count_once_and_are_told() -> None:
    with misbehaving_stac_api(ITEMS, faults=[overlapping(ITEMS), matched(8)]) as api:
        report = report_of(api, code=1)
    assert report["sent"] == 8
    assert "2 items came on more than one page" in report["warnings"][0]
    assert "8 items match the search, and its pages brought 6" in report["warnings"][1]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"<html>", "not a JSON object"), (b"[]", "not a JSON object"), (b"{}", "not a FeatureCollection")],
)
def test_a_page_that_is_none_ends_with_an_error(content: bytes, words: str) -> None:
    with misbehaving_stac_api(ITEMS, faults=[raw(content, page=2)]) as api:
        done = run(api)
    assert done.returncode == 1
    assert words in done.stderr
    assert "1 page with 2 items of 6 had come by then" in done.stderr


def test_what_is_no_landing_page_is_told() -> None:
    with misbehaving_stac_api(ITEMS, search_by=()) as api:
        done = run(api)
        assert (done.returncode, "names no search" in done.stderr) == (1, True)
        missing = run_forked("enqueue", "--search", f"{api.url}/none", "--dry-run")
        assert (missing.returncode, "answered 404 when asked for its landing page" in missing.stderr) == (1, True)


def test_the_server_of_these_tests_sorts_and_searches() -> None:
    items = [small_item("c", name) for name in ("b", "a", "c")]
    with misbehaving_stac_api(items, page_size=5) as api:
        body = {"sortby": [{"field": "id", "direction": "desc"}], "ids": ["a", "b"]}
        found = requests.post(f"{api.url}/search", json=body, timeout=10).json()
        assert [item["id"] for item in found["features"]] == ["b", "a"]
        api.ignored = frozenset({"sortby", "ids"})
        found = requests.post(f"{api.url}/search", json=body, timeout=10).json()
        assert [item["id"] for item in found["features"]] == ["b", "a", "c"]
