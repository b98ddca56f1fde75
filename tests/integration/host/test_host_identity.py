"""The host with identity-based connections, as in Azure: Azurite over TLS, tokens from the identity emulator."""

import subprocess
import sys
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.azurite import DEVELOPMENT_ACCOUNT, Azurite
from tests.integration.host.host_under_test import ROOT, RunningHost, eventually, make_app, unique_name


def test_identity_based_connections(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.identity", "--header", "secret"]
    with (
        Azurite(tmp_path / "azurite", tls=tmp_path / "tls") as azurite,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as identity,
        QueueServiceClient.from_connection_string(
            azurite.connection_string(), connection_verify=str(azurite.certificate)
        ) as queues,
        BlobServiceClient.from_connection_string(
            azurite.connection_string(), connection_verify=str(azurite.certificate)
        ) as blobs,
    ):
        try:
            assert identity.stdout is not None
            identity_url = identity.stdout.readline().rpartition(" ")[2].strip()
            queue = queues.create_queue(unique_name("work"))
            options = {"messageEncoding": "none", "maxPollingInterval": "00:00:00.500"}
            app = make_app(tmp_path / "app", "identity_app", {"extensions": {"queues": options}})
            queue_uri = azurite.queue_endpoint(DEVELOPMENT_ACCOUNT)
            blob_uri = azurite.blob_endpoint(DEVELOPMENT_ACCOUNT)
            settings = {
                "AzureWebJobsStorage__queueServiceUri": queue_uri,
                "AzureWebJobsStorage__blobServiceUri": blob_uri,
                "INGEST_STORAGE__queueServiceUri": queue_uri,
                "INGEST_STORAGE__credential": "managedidentity",
                "INGEST_STORAGE__clientId": "00000000-0000-0000-0000-000000000003",
                "IDENTITY_ENDPOINT": f"{identity_url}/msi/token",
                "IDENTITY_HEADER": "secret",
                "REQUESTS_CA_BUNDLE": str(azurite.certificate),
                "WORK_QUEUE": queue.queue_name,
                "AZURE_TOKEN_CREDENTIALS": "prod",
            }
            with RunningHost(app, settings) as host:
                queue.send_message("with a token")
                host.eventually_records(function="work", body="with a token")
                eventually(lambda: queue.get_queue_properties().approximate_message_count == 0)
                # The timer's lock is in the host's own storage.
                host.eventually_records(function="every_second")
                hosts = blobs.get_container_client("azure-webjobs-hosts")
                assert list(hosts.list_blob_names(name_starts_with=f"locks/{host.host_id}/"))
        finally:
            identity.terminate()
