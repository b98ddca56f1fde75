"""The official client drives the inma routes; what it parses is checked."""

import time

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.planetarycomputer import PlanetaryComputerProClient
from azure.planetarycomputer.models import (
    IngestionDefinition,
    IngestionRun,
    IngestionType,
    ManagedIdentityConnection,
    ManagedIdentityIngestionSource,
    SharedAccessSignatureTokenConnection,
    SharedAccessSignatureTokenIngestionSource,
)

SAS = "sv=2021-01-01&st=2020-01-01T00:00:00Z&se=2099-12-31T23:59:59Z&sr=c&sp=rl&sig=made-up"


def sas_source(container: str, token: str = SAS) -> SharedAccessSignatureTokenIngestionSource:
    connection = SharedAccessSignatureTokenConnection(
        container_uri=f"https://partner.blob.core.windows.net/{container}", shared_access_signature_token=token
    )
    return SharedAccessSignatureTokenIngestionSource({"kind": "SasToken", "connectionInfo": connection})


def test_a_sas_source_is_replaced_in_place(client: PlanetaryComputerProClient) -> None:
    made = client.ingestion.create_source(sas_source("replaced"))
    assert made.created is not None
    shown = client.ingestion.get_source(made.id).as_dict()
    assert shown["connectionInfo"] == {
        "containerUrl": "https://partner.blob.core.windows.net/replaced",
        "expiration": "2099-12-31T23:59:59.0000000Z",
    }
    with pytest.raises(ResourceExistsError, match=made.id):
        client.ingestion.create_source(sas_source("replaced"))
    longer = client.ingestion.replace_source(made.id, sas_source("replaced", SAS.replace("2099", "2100")))
    assert longer.id == made.id
    assert longer.as_dict()["connectionInfo"]["expiration"].startswith("2100-")
    assert "created" not in longer.as_dict()
    client.ingestion.delete_source(made.id)
    with pytest.raises(ResourceNotFoundError):
        client.ingestion.replace_source(made.id, sas_source("replaced"))


def test_an_identity_source_names_an_identity_of_the_geocatalog(client: PlanetaryComputerProClient) -> None:
    identity = next(iter(client.ingestion.list_managed_identities()))
    connection = ManagedIdentityConnection(
        container_uri="https://ours.blob.core.windows.net/cogs", object_id=identity.object_id
    )
    made = client.ingestion.create_source(
        ManagedIdentityIngestionSource({"kind": "BlobManagedIdentity", "connectionInfo": connection})
    )
    assert made.kind == "BlobManagedIdentity"
    assert made.id in {source.id for source in client.ingestion.list_sources()}
    client.ingestion.delete_source(made.id)


def test_a_static_catalogue_is_ingested_by_a_run(client: PlanetaryComputerProClient, catalog_url: str) -> None:
    definition = client.ingestion.create(
        "three",
        IngestionDefinition(
            import_type=IngestionType.STATIC_CATALOG,
            display_name="A catalogue",
            source_catalog_url=catalog_url,
            skip_existing_items=True,
            keep_original_assets=True,
        ),
    )
    assert definition.status == "Ready"
    run = ended(client, definition.id, client.ingestion.create_run("three", definition.id))
    assert run.operation.status == "Succeeded"
    assert (run.operation.total_items, run.operation.total_successful_items) == (3, 3)
    assert client.ingestion.get_operation(run.id).type == "IngestionStaticCatalog"
    assert len(client.stac.get_item_collection("three").features) == 3

    again = ended(client, definition.id, client.ingestion.create_run("three", definition.id))
    assert again.operation.total_failed_items == 0, "existing items are skipped"
    assert [one.id for one in client.ingestion.list_runs("three", definition.id)] == [again.id, run.id]

    changed = client.ingestion.update(
        "three", definition.id, {"importType": "StaticCatalog", "skipExistingItems": False}
    )
    assert changed.skip_existing_items is False
    failed = ended(client, definition.id, client.ingestion.create_run("three", definition.id))
    assert failed.operation.status == "Failed"
    assert failed.operation.total_failed_items == 3

    client.ingestion.begin_delete("three", definition.id).result()
    with pytest.raises(ResourceNotFoundError):
        client.ingestion.get("three", definition.id)


def ended(client: PlanetaryComputerProClient, definition_id: str, run: IngestionRun) -> IngestionRun:
    give_up = time.monotonic() + 30
    while run.operation.status in ("Pending", "Running"):
        assert time.monotonic() < give_up
        time.sleep(0.02)
        run = client.ingestion.get_run("three", definition_id, run.id)
    return run


def test_operations_are_listed_newest_first_in_pages(client: PlanetaryComputerProClient) -> None:
    one_by_one = [operation.id for operation in client.ingestion.list_operations(top=3)]
    at_once = [operation.id for operation in client.ingestion.list_operations()]
    assert one_by_one == at_once
    assert len(set(at_once)) == len(at_once) > 12
    created = [operation.creation_time for operation in client.ingestion.list_operations(collection_id="naip")]
    assert created == sorted(created, reverse=True)
