"""The landing page leads crawlers, browsers and generators of clients on."""

import requests
from stac_pydantic.api import LandingPage

from .emulator_client import EmulatorClient

PREFLIGHT = {
    "Origin": "http://localhost:8080",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


def test_the_landing_page_is_one_of_stac(trusting: EmulatorClient) -> None:
    page = trusting.json("/stac")
    assert LandingPage.model_validate(page).stac_extensions == []
    links = {link["rel"]: link for link in page["links"]}
    # A crawler adds no query and sends its token to no description.
    root = requests.get(links["root"]["href"], headers=dict(trusting.session.headers), timeout=10)
    assert root.json() == page
    child = requests.get(links["child"]["href"], headers=dict(trusting.session.headers), timeout=10)
    assert child.json()["type"] == "Collection"
    described = requests.get(links["service-desc"]["href"], timeout=10)
    assert described.headers["Content-Type"] == links["service-desc"]["type"]
    document = described.json()
    assert document["openapi"].startswith("3.0")
    items = document["paths"]["/stac/collections/{cid}/items"]
    assert items.keys() == {"get", "post"}
    assert {one["name"] for one in items["post"]["parameters"]} == {"cid", "api-version"}
    assert not any(path.startswith("/_emulator") for path in document["paths"])
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) > 60
    documentation = requests.get(links["service-doc"]["href"], timeout=10)
    assert documentation.headers["Content-Type"].startswith("text/html")
    assert "/inma/operations" in documentation.text


def test_a_preflight_needs_neither_token_nor_version(trusting: EmulatorClient) -> None:
    answer = requests.options(f"{trusting.url}{trusting.items}", headers=PREFLIGHT, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_a_page_in_a_browser_reads_answers_and_refusals(trusting: EmulatorClient) -> None:
    origin = {"Origin": PREFLIGHT["Origin"]}
    shown = trusting.send("GET", "/stac", headers=origin)
    assert shown.headers["Access-Control-Allow-Origin"] == "*"
    assert "operation-location" in shown.headers["Access-Control-Expose-Headers"]
    refused = requests.get(f"{trusting.url}/stac", headers=origin, timeout=10)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")
