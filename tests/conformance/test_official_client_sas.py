"""The official client gets tokens; what they open and close is tried on storage itself."""

import datetime as dt

import requests
from azure.planetarycomputer import PlanetaryComputerProClient


def test_tokens_open_the_thumbnail_until_they_are_revoked(client: PlanetaryComputerProClient) -> None:
    content = b"\x89PNG\r\n\x1a\n and so on"
    data = {"key": "thumbnail", "type": "image/png", "roles": ["thumbnail"], "title": "Thumbnail"}
    shown = client.stac.create_collection_asset("four", {"data": data, "file": ("t.png", content)})
    assert shown.assets is not None
    href = shown.assets["thumbnail"].href
    assert b"".join(client.stac.get_collection_thumbnail("four")) == content
    assert requests.get(href, timeout=10).status_code in {403, 404, 409}, "managed storage is private"

    signed = client.sas.get_url(href=href, duration_in_minutes=30)
    assert requests.get(signed.href, timeout=10).content == content
    token = client.sas.get_token("four")
    assert token.expires_on - dt.datetime.now(dt.UTC) > dt.timedelta(hours=23, minutes=55)
    assert requests.get(f"{href}?{token.token}", timeout=10).content == content

    client.sas.revoke_token()
    for address in (signed.href, f"{href}?{token.token}"):
        assert requests.get(address, timeout=10).status_code == 403
    renewed = client.sas.get_url(href=href)
    assert requests.get(renewed.href, timeout=10).content == content


def test_an_address_outside_managed_storage_comes_back_as_it_is(client: PlanetaryComputerProClient) -> None:
    answer = client.sas.get_url(href="https://example.com/picture.png")
    assert answer.href == "https://example.com/picture.png"
    assert answer.expires_on is None
