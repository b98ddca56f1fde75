"""The ingestion sources to keep alive, as INGESTION_SOURCES and table `sources` describe them."""

import re
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from shared.basics.blob_urls import BlobUrl, parse_blob_url
from shared.basics.json_codec import read_json
from shared.basics.nearest import nearest
from shared.settings import LOOPBACK_HOSTS

# A user delegation key, and so a SAS it signs, lives at most 7 days
# (learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas).
MAX_DELEGATION = timedelta(days=7)
# Renewals come every 5 minutes, and a SAS is replaced at half of its life at the latest.
_MIN_DELEGATION = timedelta(minutes=10)

# learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
_CONTAINER_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$root|\$web", re.ASCII)


class SourceKind(StrEnum):
    """Kinds of ingestion source, in the service's own words."""

    SAS_TOKEN = "SasToken"  # noqa: S105 - a kind, not a secret
    MANAGED_IDENTITY = "BlobManagedIdentity"


class Issuer(StrEnum):
    """Where a SAS comes from; each is a field of `sas`."""

    USER_DELEGATION = "user_delegation"
    PLANETARY_COMPUTER = "planetary_computer"
    SETTING = "setting"


def _container_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_absolute = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # its words would show the value
        raise ValueError("is not a URL") from None
    if parts.query or "?" in url:
        raise ValueError("must not hold a SAS or another query; say under sas where the SAS comes from")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must not hold a user name, a password or a fragment")
    if parts.scheme not in {"http", "https"} or not is_absolute:
        raise ValueError("must be an absolute https URL, such as https://ours.blob.core.windows.net/scenes")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https: plain http would send the SAS in the clear (loopback excepted)")
    found = parse_blob_url(url)
    if found is None:
        raise ValueError("names no container: add its name, as in https://ours.blob.core.windows.net/scenes")
    if found.blob.strip("/"):
        raise ValueError(
            f"must be the URL of a container, not of something in it: a source is good for a whole container, here "
            f"{found.container_url}"
        )
    if not _CONTAINER_NAME.fullmatch(found.container):
        raise ValueError("names no container: its name must be 3 to 63 of a-z, 0-9 and single hyphens")
    return found.container_url


def _delegation_life(life: timedelta) -> timedelta:
    if not _MIN_DELEGATION <= life <= MAX_DELEGATION:
        raise ValueError("must be from PT10M to P7D: Azure signs for 7 days at most, and renewals come every 5 minutes")
    return life


def _object_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("must be the object id (principal id) of an identity, a GUID") from None


class ManagedIdentity(BaseModel):
    """An identity attached to the GeoCatalog that may read the container; it needs no SAS."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    object_id: Annotated[str, AfterValidator(_object_id), Field(description="principal id of the identity")]


class UserDelegation(BaseModel):
    """A SAS that the app signs with its own identity."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    lifetime: Annotated[timedelta, AfterValidator(_delegation_life)] = timedelta(days=1)


class Sas(BaseModel):
    """Where a container's SAS comes from; exactly one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    user_delegation: UserDelegation | None = None
    planetary_computer: Annotated[str | None, Field(min_length=1, description="id of one of its collections")] = None
    setting: Annotated[str | None, Field(min_length=1, description="name of the setting that holds it")] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, issuer) is not None for issuer in Issuer) != 1:
            raise ValueError("give exactly one of user_delegation, planetary_computer and setting")
        return self

    @property
    def issuer(self) -> Issuer:
        """The one that is given."""
        return next(issuer for issuer in Issuer if getattr(self, issuer) is not None)


class SourceSpec(BaseModel):
    """One ingestion source to keep alive."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    container_url: Annotated[str, AfterValidator(_container_url)]
    managed_identity: ManagedIdentity | None = None
    sas: Sas | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.managed_identity is None) == (self.sas is None):
            raise ValueError("give exactly one of managed_identity and sas")
        return self

    @property
    def url(self) -> BlobUrl:
        """The container's URL, taken apart."""
        found = parse_blob_url(self.container_url)
        assert found is not None  # noqa: S101 - checked when the spec was made
        return found

    @property
    def kind(self) -> SourceKind:
        """The kind of source that GeoCatalog is to have."""
        return SourceKind.SAS_TOKEN if self.sas else SourceKind.MANAGED_IDENTITY


def parse_source(fields: Any) -> SourceSpec:  # noqa: ANN401 - whatever JSON was given
    """Reads one source.

    Raises:
        ValueError: it is wrong; the message names field and remedy.
    """
    if not isinstance(fields, dict):
        raise ValueError("must be a JSON object with container_url and sas or managed_identity")  # noqa: TRY004 - as for every other fault
    try:
        return SourceSpec.model_validate(fields)
    except ValidationError as error:
        raise ValueError("; ".join(_sentence(fault) for fault in error.errors(include_input=False))) from None


def parse_source_json(text: str) -> SourceSpec:
    """Reads one source from JSON text.

    Raises:
        ValueError: see parse_source; or it is not JSON.
    """
    return parse_source(read_json(text))


# What each part of a source may hold, to name the nearest where something else stands there.
_FIELDS: dict[tuple[str, ...], Iterable[str]] = {
    (): SourceSpec.model_fields,
    ("sas",): list(Issuer),
    ("sas", "user_delegation"): UserDelegation.model_fields,
    ("managed_identity",): ManagedIdentity.model_fields,
}


def _sentence(fault: ErrorDetails) -> str:
    path = tuple(str(part) for part in fault["loc"])
    where = f"{'.'.join(path)}: " if path else ""
    if fault["type"] == "missing":
        return f"{where}is missing"
    if fault["type"] != "extra_forbidden":
        return where + fault["msg"].removeprefix("Value error, ")
    what = "is no issuer of a SAS" if path[:-1] == ("sas",) else "is no field of a source"
    return where + what + nearest(path[-1], _FIELDS[path[:-1]]).removesuffix(".")
