"""Connects a command to the ingestion storage and the GeoCatalog, asking for no more settings than it needs."""

import logging
import os
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential

from shared.clients import Clients, build_clients
from shared.settings import read_settings

# Stand where a setting is not given and the command does not need it; `.invalid` is a name that never resolves.
_NO_GEOCATALOG = {"GEOCATALOG_URL": "https://geocatalog-url-is-not-set.invalid"}
_NO_STORAGE = {
    f"INGEST_STORAGE__{service}ServiceUri": "https://ingest-storage-is-not-set.invalid"
    for service in ("queue", "blob", "table")
}


class LateCredential:
    """DefaultAzureCredential, loaded with the first token: a connection string needs none, and loading is slow."""

    def __init__(self) -> None:
        self._credential: TokenCredential | None = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Returns a token, as azure.core.credentials.TokenCredential does."""
        if self._credential is None:
            from shared.services.tokens import make_credential  # noqa: PLC0415 - see the class

            self._credential = make_credential()
        return self._credential.get_token(*scopes, **options)


def connect(*, needs_geocatalog: bool = True, needs_storage: bool = True) -> Clients:
    """Builds the clients from the environment; nothing is sent yet.

    Args:
        needs_geocatalog: whether the command talks to GeoCatalog, so that GEOCATALOG_URL must be set.
        needs_storage: whether the command talks to the ingestion storage, so that INGEST_STORAGE must be set.

    Raises:
        SettingsError: a setting that is needed is missing, or one is malformed; the message names all of them.
    """
    # What azure-identity would write to standard error is told by the command, in its own sentence.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    environment = settings_environment(needs_geocatalog=needs_geocatalog, needs_storage=needs_storage)
    return build_clients(read_settings(environment), credential=LateCredential())


def settings_environment(*, needs_geocatalog: bool = True, needs_storage: bool = True) -> dict[str, str]:
    """Returns the environment, with a stand-in for each setting that is not given and not needed."""
    environment = dict(os.environ)
    if not needs_geocatalog and not has_geocatalog():
        environment |= _NO_GEOCATALOG
    if not needs_storage and not has_storage():
        environment |= _NO_STORAGE
    return environment


def has_geocatalog() -> bool:
    """Tells whether the environment names a GeoCatalog."""
    return bool(os.environ.get("GEOCATALOG_URL", "").strip())


def has_storage() -> bool:
    """Tells whether the environment names an ingestion storage."""
    return any(os.environ.get(name, "").strip() for name in ("INGEST_STORAGE", *_NO_STORAGE))
