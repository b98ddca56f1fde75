"""API versions and bearer tokens."""

from collections.abc import Callable

import pytest
import requests

from .emulator_client import AUDIENCE, EmulatorClient, bearer, error_of

PREVIEW = "2025-04-30-preview"


@pytest.mark.parametrize("path", ["/stac", "/inma/operations", "/sas/sign"])
def test_the_version_is_required_and_must_be_known(trusting: EmulatorClient, path: str) -> None:
    missing = requests.get(f"{trusting.url}{path}", headers=bearer(), timeout=10)
    assert error_of(missing) == (400, "MissingApiVersionParameter")
    unknown = requests.get(f"{trusting.url}{path}?api-version=2024-01-31-preview", headers=bearer(), timeout=10)
    assert error_of(unknown) == (400, "UnsupportedApiVersionValue")


def test_the_preview_creates_where_the_present_version_only_replaces(trusting: EmulatorClient) -> None:
    configurations = f"/stac/collections/{trusting.collection_id}"
    sas = {"containerUrl": "https://partner.blob.core.windows.net/preview", "sasToken": "st=1&se=2099-01-01&sig=x"}
    bodies = {
        f"{configurations}/configurations/render-options/o": {"id": "o", "name": "O"},
        f"{configurations}/configurations/mosaics/m": {"id": "m", "name": "M", "cql": []},
        f"{configurations}/queryables/eo:cloud_cover": {"name": "eo:cloud_cover", "definition": {"type": "number"}},
        "/inma/ingestion-sources/0a1b2c3d-0000-0000-0000-000000000000": {"kind": "SasToken", "connectionInfo": sas},
    }
    for path, body in bodies.items():
        assert error_of(trusting.send("PUT", path, json=body)) == (404, "ResourceNotFound")
        for status in (201, 200):
            put = trusting.send("PUT", path, json=body, params={"api-version": PREVIEW})
            assert put.status_code == status, put.text
        assert trusting.send("PUT", path, json=body).status_code == 200


@pytest.mark.parametrize("audience", [AUDIENCE, f"{AUDIENCE}/", "6388acc4-795e-43a9-a320-33075c1eb83b"])
def test_a_token_for_the_service_is_taken(trusting: EmulatorClient, audience: str) -> None:
    assert trusting.send("GET", "/stac", headers=bearer(audience)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        lambda: {"Authorization": ""},
        lambda: {"Authorization": "Basic eDp5"},
        lambda: {"Authorization": "Bearer nonsense"},
        lambda: {"Authorization": "Bearer a.b.c"},
        lambda: bearer("https://storage.azure.com"),
        lambda: bearer(age=7200),
        lambda: bearer(age=-7200),
    ],
)
def test_any_other_token_is_refused(trusting: EmulatorClient, header: Callable[[], dict[str, str]]) -> None:
    refused = trusting.send("GET", "/stac", headers=header())
    assert error_of(refused) == (401, "Unauthorized")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_without_checks_no_token_is_needed(copying: EmulatorClient) -> None:
    assert requests.get(f"{copying.url}/stac?api-version={PREVIEW}", timeout=10).status_code == 200


def test_control_needs_neither(trusting: EmulatorClient) -> None:
    assert requests.get(f"{trusting.url}/_emulator/health", timeout=10).json() == {"status": "ready"}
