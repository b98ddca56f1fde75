from datetime import timedelta

import pytest

from shared.basics.errors import SettingsError
from shared.settings import Settings, read_settings

GOOD = {"GEOCATALOG_URL": "https://mine.geocatalog.spatio.azure.com/", "INGEST_STORAGE": "UseDevelopmentStorage=true"}
BY_IDENTITY = {
    "GEOCATALOG_URL": "https://mine.geocatalog.spatio.azure.com",
    "INGEST_STORAGE__queueServiceUri": "https://ours.queue.core.windows.net",
    "INGEST_STORAGE__blobServiceUri": "https://ours.blob.core.windows.net",
    "INGEST_STORAGE__tableServiceUri": "https://ours.table.core.windows.net",
}


def faults_of(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment)
    return caught.value.message


def test_defaults_are_those_of_the_documentation() -> None:
    settings = read_settings(GOOD)

    assert settings.geocatalog_url == "https://mine.geocatalog.spatio.azure.com"
    assert settings.geocatalog_api_version == "2026-04-15"
    assert settings.geocatalog_scope == "https://geocatalog.spatio.azure.com/.default"
    assert settings.sas_renewal_margin == timedelta(minutes=15)
    assert settings.retry_max_age == timedelta(days=7)
    assert settings.operation_deadline == timedelta(hours=24)
    assert settings.status_retention is None
    assert settings.max_requests_per_second == 50
    assert settings.results_queue == "results"
    assert settings.planetary_computer_url == "https://planetarycomputer.microsoft.com"


def test_preview_version_is_taken() -> None:
    assert read_settings({**GOOD, "GEOCATALOG_API_VERSION": "2025-04-30-preview"}).geocatalog_api_version == (
        "2025-04-30-preview"
    )


def test_storage_by_connection_string() -> None:
    assert read_settings(GOOD).storage.connection_string == "UseDevelopmentStorage=true"


def test_storage_by_identity() -> None:
    storage = read_settings({**BY_IDENTITY, "INGEST_STORAGE__clientId": "an-id"}).storage

    assert storage.connection_string is None
    assert storage.queue_uri == "https://ours.queue.core.windows.net"
    assert storage.blob_uri == "https://ours.blob.core.windows.net"
    assert storage.table_uri == "https://ours.table.core.windows.net"
    assert storage.client_id == "an-id"


def test_one_missing_uri_is_named() -> None:
    given = {name: value for name, value in BY_IDENTITY.items() if "table" not in name}

    assert "INGEST_STORAGE__tableServiceUri is missing" in faults_of(given)


def test_a_malformed_connection_string_is_named_beside_other_faults_and_not_shown() -> None:
    message = faults_of({"GEOCATALOG_URL": "nonsense", "INGEST_STORAGE": "AccountKey c2VjcmV0"})

    assert "INGEST_STORAGE: this is not a connection string" in message
    assert "GEOCATALOG_URL: must be an absolute https URL" in message
    assert "c2VjcmV0" not in message


def test_all_faults_are_named_at_once() -> None:
    message = faults_of(
        {
            "GEOCATALOG_API_VERSION": "latest",
            "SAS_RENEWAL_MARGIN": "soon",
            "RETRY_MAX_AGE": "PT0S",
            "OPERATION_DEADLINE": "-P1D",
            "STATUS_RETENTION": "x",
            "MAX_REQUESTS_PER_SECOND": "-1",
            "PLANETARY_COMPUTER_URL": "planetarycomputer.microsoft.com",
            "RESULTS_QUEUE": "Results!",
            "ALLOWED_HREF_HOSTS": "https://a.example/path",
        }
    )

    for name in (
        "GEOCATALOG_URL is missing",
        "INGEST_STORAGE is missing",
        "GEOCATALOG_API_VERSION",
        "SAS_RENEWAL_MARGIN",
        "RETRY_MAX_AGE",
        "OPERATION_DEADLINE",
        "STATUS_RETENTION",
        "MAX_REQUESTS_PER_SECOND",
        "PLANETARY_COMPUTER_URL",
        "RESULTS_QUEUE",
        "ALLOWED_HREF_HOSTS",
    ):
        assert name in message


@pytest.mark.parametrize(
    "url",
    [
        "http://mine.geocatalog.spatio.azure.com",
        "https://someone:hunter2@mine.example",
        "https://mine.example?sig=hunter2",
        "https://mine.example#hunter2",
        "https://[hunter2]",
        "https://mine.example:hunter2",
        "mine.example",
        "file:///hunter2",
    ],
)
def test_wrong_url_is_refused_without_showing_it(url: str) -> None:
    message = faults_of({**GOOD, "GEOCATALOG_URL": url})

    assert "GEOCATALOG_URL" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "name",
    ["GEOCATALOG_API_VERSION", "SAS_RENEWAL_MARGIN", "MAX_REQUESTS_PER_SECOND", "RETRY_MAX_AGE", "RESULTS_QUEUE"],
)
def test_no_value_is_shown(name: str) -> None:
    message = faults_of({**GOOD, name: "Hunter2 secret"})

    assert name in message
    assert "Hunter2" not in message


def test_wrong_uri_of_storage_is_refused_without_showing_it() -> None:
    message = faults_of({**BY_IDENTITY, "INGEST_STORAGE__blobServiceUri": "https://ours.example?sig=hunter2"})

    assert "INGEST_STORAGE__blobServiceUri" in message
    assert "hunter2" not in message


def test_connection_string_is_not_in_the_representation() -> None:
    assert "UseDevelopmentStorage" not in repr(read_settings(GOOD))


def test_plain_http_is_for_loopback_only() -> None:
    assert read_settings({**GOOD, "GEOCATALOG_URL": "http://127.0.0.1:8080"}).geocatalog_url == "http://127.0.0.1:8080"


def test_empty_results_queue_turns_results_off() -> None:
    assert read_settings({**GOOD, "RESULTS_QUEUE": ""}).results_queue == ""


def test_empty_setting_is_a_missing_one() -> None:
    assert "GEOCATALOG_URL is missing" in faults_of({**GOOD, "GEOCATALOG_URL": " "})
    assert read_settings({**GOOD, "RETRY_MAX_AGE": ""}).retry_max_age == timedelta(days=7)


def test_allowed_hosts_are_a_list_in_lower_case() -> None:
    settings: Settings = read_settings({**GOOD, "ALLOWED_HREF_HOSTS": " A.example , b.example:8443,"})

    assert settings.extra_href_hosts == {"a.example", "b.example:8443"}


def test_no_limit_of_requests_is_zero() -> None:
    assert read_settings({**GOOD, "MAX_REQUESTS_PER_SECOND": "0"}).max_requests_per_second == 0
