"""Storage connections of an app: a connection string, or the identity-based form with service URIs."""

import os

from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.host.configuration.app_settings import AppSettings
from local.host.configuration.durations import Durations
from local.host.faults import FunctionFault
from local.host.storage.retries import StorageRetries
from shared.http.sessions import PooledAdapter, pooled_session

#: The connection that the host itself uses, and functions that name none.
HOST_CONNECTION = "AzureWebJobsStorage"

_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def _transport(address: str, durations: Durations) -> RequestsTransport:
    # Without a look into the environment for proxies, of which there are none on the way to this machine itself.
    local = "127.0.0.1" in address or "localhost" in address
    bundle = next((os.environ[name] for name in _CA_BUNDLES if os.environ.get(name)), None)
    return RequestsTransport(
        session=pooled_session(PooledAdapter()) if local else None,
        connection_timeout=durations.network_timeout,
        read_timeout=durations.network_timeout,
        connection_verify=bundle or True,
    )


class Connection:
    """A named connection to a storage account; makes a client, with its own pooled session, per call."""

    def __init__(self, name: str, value: str | None, section: dict[str, str], durations: Durations) -> None:
        self.name = name
        self._durations = durations
        self._value = value
        self._section = section
        self._credential: TokenCredential | None = None

    def queue_service(self) -> QueueServiceClient:
        """A client for the account's queues.

        Raises:
            FunctionFault: The settings name no queue service, or are malformed.
        """
        retry = StorageRetries(self._durations)
        if self._value is not None:
            try:
                return QueueServiceClient.from_connection_string(
                    self._value, retry_policy=retry, transport=_transport(self._value, self._durations)
                )
            except ValueError as error:
                raise self._bad_connection_string(error) from None
        uri = self._service_uri("queue")
        return QueueServiceClient(
            uri, credential=self._identity(), retry_policy=retry, transport=_transport(uri, self._durations)
        )

    def blob_service(self) -> BlobServiceClient:
        """A client for the account's blobs.

        Raises:
            FunctionFault: The settings name no blob service, or are malformed.
        """
        retry = StorageRetries(self._durations)
        if self._value is not None:
            try:
                return BlobServiceClient.from_connection_string(
                    self._value, retry_policy=retry, transport=_transport(self._value, self._durations)
                )
            except ValueError as error:
                raise self._bad_connection_string(error) from None
        uri = self._service_uri("blob")
        return BlobServiceClient(
            uri, credential=self._identity(), retry_policy=retry, transport=_transport(uri, self._durations)
        )

    def _bad_connection_string(self, error: ValueError) -> FunctionFault:
        return FunctionFault(f"The connection string in the app setting {self.name} is malformed: {error}")

    def _service_uri(self, service: str) -> str:
        uri = self._section.get(f"{service}serviceuri")
        account = self._section.get("accountname")
        if uri:
            return uri
        if account:
            return f"https://{account}.{service}.core.windows.net"
        raise FunctionFault(
            f"The connection {self.name} names no {service} service: set {self.name}__{service}ServiceUri, "
            f"or {self.name} to a connection string."
        )

    def _identity(self) -> TokenCredential:
        if self._credential is None:
            client_id = self._section.get("clientid")
            if self._section.get("credential", "").lower() == "managedidentity":
                self._credential = ManagedIdentityCredential(client_id=client_id)
            else:
                self._credential = DefaultAzureCredential()
        return self._credential


class Connections:
    """The storage connections of an app, by name."""

    def __init__(self, settings: AppSettings, durations: Durations) -> None:
        self._settings = settings
        self._durations = durations
        self._known: dict[str, Connection] = {}

    def get(self, name: str | None) -> Connection:
        """The connection of a binding.

        Args:
            name: Its name in the settings; None or empty for the host's own.

        Raises:
            FunctionFault: No setting has that name.
        """
        name = name or HOST_CONNECTION
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> Connection:
        # The host looks for the name with its own prefix first.
        for candidate in (f"AzureWebJobs{name}", name):
            value = self._settings.get(candidate)
            section = self._settings.section(candidate)
            if value or section:
                return Connection(candidate, value, section, self._durations)
        raise FunctionFault(
            f"The storage connection '{name}' does not exist: set the app setting {name} to a connection string, "
            f"or {name}__queueServiceUri and {name}__blobServiceUri for the identity-based form."
        )
