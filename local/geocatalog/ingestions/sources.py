"""Ingestion sources: which container may be read with which SAS token or identity."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.geocatalog import timestamps
from local.geocatalog.errors import RequestError, RequestErrorCode, bad_request, not_found
from local.geocatalog.ingestions.container_urls import is_container_url

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class SourceKind(StrEnum):
    """Kinds of ingestion source."""

    SAS_TOKEN = "SasToken"  # noqa: S105 - a kind, not a secret
    BLOB_MANAGED_IDENTITY = "BlobManagedIdentity"


_KINDS = {kind.lower(): kind for kind in SourceKind}

_KIND_NAMES = {
    SourceKind.SAS_TOKEN: "SAS token",
    SourceKind.BLOB_MANAGED_IDENTITY: "managed identity",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One source; `sas_token` or `object_id` is set, by kind."""

    kind: SourceKind
    container_url: str
    sas_token: str = field(default="", repr=False)
    object_id: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: int = field(default_factory=timestamps.now)

    def summary(self) -> dict[str, object]:
        """Give what the list shows: no connection."""
        return {"id": self.id, "kind": self.kind, "created": timestamps.seven_digits(self.created)}

    def to_dict(self) -> dict[str, object]:
        """Give the whole source, without its token."""
        connection: dict[str, object] = {"containerUrl": self.container_url}
        if self.kind is SourceKind.SAS_TOKEN:
            expiration = _expiration(self.sas_token)
            if expiration is not None:
                connection["expiration"] = expiration
        else:
            connection["objectId"] = self.object_id
        return {**self.summary(), "connectionInfo": connection}


class Sources:
    """The registered sources."""

    def __init__(self) -> None:
        self._by_id: dict[str, Source] = {}

    def list(self) -> list[Source]:
        """Give all sources, in the order they were made."""
        return [*self._by_id.values()]

    def get(self, source_id: str) -> Source:
        """Give one source.

        Raises:
            RequestError: 404.
        """
        source = self._by_id.get(source_id.lower())
        if source is None:
            raise not_found(f"Ingestion source '{source_id}' not found.")
        return source

    def has(self, source_id: str) -> bool:
        """Tell whether there is a source with this id."""
        return source_id.lower() in self._by_id

    def put(self, source: Source) -> None:
        """Add a source, or replace the one with its id.

        Raises:
            RequestError: 409, where another source of the same kind has the same container.
        """
        for other in self._by_id.values():
            same = other.kind is source.kind and container_key(other.container_url) == container_key(
                source.container_url
            )
            if same and other.id != source.id:
                raise RequestError(
                    409,
                    RequestErrorCode.DUPLICATED_ENTITY,
                    f"Container url '{source.container_url}' already contains a {_KIND_NAMES[source.kind]} "
                    f"ingestion source with id '{other.id}'",
                )
        self._by_id[source.id] = source

    def delete(self, source_id: str) -> None:
        """Remove a source.

        Raises:
            RequestError: 404.
        """
        del self._by_id[self.get(source_id).id]

    def match(self, href: str) -> Source | None:
        """Give the source whose container an address lies in; a SAS token goes before an identity."""
        matching = [source for source in self._by_id.values() if lies_in(href, source.container_url)]
        return min(matching, key=lambda source: source.kind is not SourceKind.SAS_TOKEN, default=None)


def container_key(container_url: str) -> str:
    """Give the form of a container's URL that equal URLs share: host in lower case, no trailing slash."""
    parts = urlsplit(container_url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def lies_in(href: str, container_url: str) -> bool:
    """Tell whether an address is that of a blob in a container."""
    return container_key(href).startswith(f"{container_key(container_url)}/")


def parse_source(body: object) -> Source:
    """Read the body of a POST or PUT.

    Args:
        body: `{"kind", "connectionInfo": {"containerUrl", "sasToken" or "objectId"}}`; its `id` is ignored.

    Returns:
        A source with a new id.

    Raises:
        RequestError: 400, naming the field.
    """
    if not isinstance(body, dict):
        raise bad_request("The body must be an ingestion source.")
    fields = _lower_case(body)
    kind = _KINDS.get(str(fields.get("kind")).lower())
    if kind is None:
        raise bad_request("The field 'kind' must be 'SasToken' or 'BlobManagedIdentity'.")
    if not isinstance(fields.get("connectioninfo"), dict):
        raise bad_request("The field 'connectionInfo' is required and must be an object.")
    connection = _lower_case(fields["connectioninfo"])
    container_url = connection.get("containerurl")
    if not isinstance(container_url, str) or not is_container_url(container_url):
        raise bad_request(
            "The field 'connectionInfo.containerUrl' is required and must be the absolute URL of a blob container, "
            "without a query, such as https://account.blob.core.windows.net/container."
        )
    if kind is SourceKind.SAS_TOKEN:
        return Source(kind, container_url, sas_token=_sas_token(connection.get("sastoken")))
    object_id = connection.get("objectid")
    if not isinstance(object_id, str) or not _GUID.fullmatch(object_id):
        raise bad_request("The field 'connectionInfo.objectId' is required and must be a GUID.")
    return Source(kind, container_url, object_id=object_id.lower())


def _lower_case(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields by their names in lower case: the service's own documentation spells them in several ways."""
    return {name.lower(): value for name, value in fields.items()}


def _sas_token(token: object) -> str:
    if not isinstance(token, str) or not token:
        raise bad_request("The field 'connectionInfo.sasToken' is required and must be a SAS token.")
    token = token.removeprefix("?")
    fields = parse_qs(token)
    needed = ("sig",) if "si" in fields else ("sig", "st", "se")
    missing = [name for name in needed if name not in fields]
    if missing:
        raise bad_request(f"The SAS token lacks {', '.join(missing)}; it needs a start, an expiry and a signature.")
    try:
        _expiration(token)
    except ValueError as error:
        raise bad_request(f"The expiry (se) of the SAS token is wrong: {error}.") from None
    return token


def _expiration(token: str) -> str | None:
    expiry = parse_qs(token).get("se")
    if expiry is None:
        return None
    moment = datetime.fromisoformat(expiry[0])
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return timestamps.seconds_only(aware).replace("Z", ".0000000Z")
