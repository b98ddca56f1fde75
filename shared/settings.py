"""The app's settings, read from the environment on first use; a fault names every wrong setting at once."""

import os
import re
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.basics.errors import SettingsError

DEFAULT_PLANETARY_COMPUTER_URL = "https://planetarycomputer.microsoft.com"

_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:]+\])(:\d{1,5})?", re.ASCII)
# learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
_QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def _service_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_absolute = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # its words would show the value
        is_absolute = False
    if not is_absolute or parts.scheme not in {"https", "http"}:
        raise ValueError("must be an absolute https URL")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https: plain http would send tokens in the clear (loopback excepted)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must not hold a user name, a query or a fragment")
    return url.rstrip("/")


def _connection_string(text: str) -> str:
    # The SDK, which knows all of its rules, is slow to import and not always needed.
    if not all("=" in part for part in text.split(";") if part.strip()):
        raise ValueError("this is not a connection string of a storage account")
    return text


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("must be longer than nothing, such as PT15M")
    return duration


def _hosts(text: str) -> frozenset[str]:
    return frozenset(host.strip().lower() for host in text.split(",") if host.strip())


def _list_of_hosts(text: str) -> str:
    if not all(_HOST.fullmatch(host) for host in _hosts(text)):
        raise ValueError("must be host names, with a port or without, and commas between them")
    return text


def _header_value(text: str) -> str:
    value = text.strip()
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be a key of printable ASCII characters")
    return "" if is_unresolved(value) else value


def is_unresolved(value: str) -> bool:
    """Tells whether a setting holds a Key Vault reference itself, because the platform could not resolve it."""
    return value.startswith("@Microsoft.KeyVault(")


def _queue_name(name: str) -> str:
    if name and not _QUEUE_NAME.fullmatch(name):
        raise ValueError("must be a queue name (3 to 63 of a-z 0-9 -), or empty")
    return name


ServiceUrl = Annotated[str, AfterValidator(_service_url)]
Duration = Annotated[timedelta, AfterValidator(_positive)]


class StorageConnection(BaseModel):
    """How to reach the ingestion storage: by connection string, or by identity and one URI per service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connection_string: Annotated[str | None, AfterValidator(_connection_string)] = Field(default=None, repr=False)
    queue_uri: ServiceUrl | None = None
    blob_uri: ServiceUrl | None = None
    table_uri: ServiceUrl | None = None
    client_id: str | None = None


class Settings(BaseModel):
    """The settings of the app, each named by the environment variable it is read from."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    geocatalog_url: Annotated[ServiceUrl, Field(alias="GEOCATALOG_URL")]
    geocatalog_api_version: Annotated[
        str, Field(alias="GEOCATALOG_API_VERSION", pattern=r"^\d{4}-\d{2}-\d{2}(-preview)?$")
    ] = "2026-04-15"
    geocatalog_scope: Annotated[str, Field(alias="GEOCATALOG_SCOPE", min_length=1)] = (
        "https://geocatalog.spatio.azure.com/.default"
    )
    storage: Annotated[StorageConnection, Field(alias="INGEST_STORAGE")]
    ingestion_sources: Annotated[str, Field(alias="INGESTION_SOURCES")] = "[]"
    feeds: Annotated[str, Field(alias="FEEDS")] = "[]"
    sas_renewal_margin: Annotated[Duration, Field(alias="SAS_RENEWAL_MARGIN")] = timedelta(minutes=15)
    planetary_computer_url: Annotated[ServiceUrl, Field(alias="PLANETARY_COMPUTER_URL")] = (
        DEFAULT_PLANETARY_COMPUTER_URL
    )
    planetary_computer_subscription_key: Annotated[
        str, AfterValidator(_header_value), Field(alias="PLANETARY_COMPUTER_SUBSCRIPTION_KEY", repr=False)
    ] = ""
    allowed_href_hosts: Annotated[str, AfterValidator(_list_of_hosts), Field(alias="ALLOWED_HREF_HOSTS")] = ""
    max_requests_per_second: Annotated[float, Field(alias="MAX_REQUESTS_PER_SECOND", ge=0)] = 50
    retry_max_age: Annotated[Duration, Field(alias="RETRY_MAX_AGE")] = timedelta(days=7)
    operation_deadline: Annotated[Duration, Field(alias="OPERATION_DEADLINE")] = timedelta(hours=24)
    status_retention: Annotated[Duration | None, Field(alias="STATUS_RETENTION")] = None
    results_queue: Annotated[str, AfterValidator(_queue_name), Field(alias="RESULTS_QUEUE")] = "results"
    time_scale: Annotated[float, Field(alias="TIME_SCALE", gt=0, le=1)] = 1.0

    @property
    def extra_href_hosts(self) -> frozenset[str]:
        """The hosts of ALLOWED_HREF_HOSTS, lower case, each with its port if one was given."""
        return _hosts(self.allowed_href_hosts)


_STORAGE_URIS = {
    "INGEST_STORAGE__queueServiceUri": "queue_uri",
    "INGEST_STORAGE__blobServiceUri": "blob_uri",
    "INGEST_STORAGE__tableServiceUri": "table_uri",
}
_STORAGE_PARTS = {
    "INGEST_STORAGE": "connection_string",
    **_STORAGE_URIS,
    "INGEST_STORAGE__clientId": "client_id",
}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the settings.

    Args:
        environment: names and values, as the Functions host hands them to the app.

    Returns:
        The settings.

    Raises:
        SettingsError: one or more are missing or malformed; its message names each of them.
    """
    given: dict[str, Any] = {
        name: value for name, value in environment.items() if value.strip() or name == "RESULTS_QUEUE"
    }
    faults: list[str] = []
    storage, storage_faults = _storage_connection(given)
    faults += storage_faults
    given["INGEST_STORAGE"] = storage
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        faults += [_sentence(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors()]
    if faults:
        raise SettingsError("Settings to mend: " + "; ".join(faults) + ".")
    return settings


def _storage_connection(given: Mapping[str, Any]) -> tuple[StorageConnection, list[str]]:
    parts = {field: given[name] for name, field in _STORAGE_PARTS.items() if name in given}
    if not parts:
        message = "INGEST_STORAGE is missing: give a connection string, or INGEST_STORAGE__queueServiceUri, "
        return StorageConnection(), [message + "__blobServiceUri and __tableServiceUri"]
    if "connection_string" in parts:
        parts = {"connection_string": parts["connection_string"]}
    elif missing := [name for name in _STORAGE_URIS if name not in given]:
        return StorageConnection(), [f"{name} is missing" for name in missing]
    try:
        return StorageConnection(**parts), []
    except ValidationError as error:
        names = {field: name for name, field in _STORAGE_PARTS.items()}
        return StorageConnection(), [
            _sentence((names[str(fault["loc"][0])],), fault["type"], fault["msg"]) for fault in error.errors()
        ]


def _sentence(location: tuple[int | str, ...], kind: str, message: str) -> str:
    # The value itself is never shown: a setting can hold a key.
    name = str(location[0]) if location else "the settings"
    return f"{name} is missing" if kind == "missing" else f"{name}: {message.removeprefix('Value error, ')}"


_lock = threading.Lock()
_settings: Settings | None = None


def get_settings() -> Settings:
    """Returns the settings of this process, read from the environment on first use.

    Raises:
        SettingsError: see read_settings. A faulty environment is read again at the next call.
    """
    global _settings  # noqa: PLW0603 - one cached value per process, written once under the lock
    with _lock:
        if _settings is None:
            _settings = read_settings(os.environ)
        return _settings
