"""One emulator for the conformance tests: items are trusted, what is uploaded and signed is real."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.planetarycomputer import PlanetaryComputerProClient

from local.azurite import Azurite
from local.stack.parts import Part

from .seed import COLLECTION, Seeder, item, publish_catalog
from .tokens import LocalCredential, PlainHttpBearerPolicy, bearer_token


@pytest.fixture(scope="session")
def endpoint(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    part = Part(
        "GeoCatalog emulator",
        "local.geocatalog",
        ["--assets", "trust", "--storage", azurite.connection_string("managedstorage")],
        log=tmp_path_factory.mktemp("geocatalog") / "log",
        environment={},
    )
    try:
        part.wait_ready()
        seeder = Seeder(part.url, bearer_token())
        seeder.be_quick()
        for collection_id in (COLLECTION, "one", "two", "three", "four"):
            seeder.add_collection(collection_id)
        seeder.add_items([item(number) for number in range(12)])
        yield part.url
    finally:
        part.stop()


@pytest.fixture(scope="session")
def catalog_url(azurite: Azurite) -> str:
    return publish_catalog(azurite.connection_string())


@pytest.fixture(scope="session")
def client(endpoint: str) -> Iterator[PlanetaryComputerProClient]:
    credential = LocalCredential()
    policy = PlainHttpBearerPolicy()
    with PlanetaryComputerProClient(endpoint, credential, authentication_policy=policy, polling_interval=0.05) as made:
        yield made


@pytest.fixture(scope="session")
def cache_folder(request: pytest.FixtureRequest) -> Path:
    assert request.config.cache is not None
    return request.config.cache.mkdir("official-client")
