"""The ingestion sources to keep alive, as INGESTION_SOURCES and table `sources` describe them."""

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.blob_urls import BlobUrl, parse_blob_url
from shared.errors import SettingsError
from shared.json_codec import read_json

# A user delegation key, and so a SAS it signs, lives at most 7 days
# (learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas).
_MAX_DELEGATION = timedelta(days=7)


def _container_url(url: str) -> str:
    found = parse_blob_url(url)
    if found is None or found.blob.strip("/"):
        raise ValueError("must be the URL of a container, such as https://ours.blob.core.windows.net/scenes")
    if "?" in url:
        raise ValueError("must not hold a SAS; say under sas where it comes from")
    return found.container_url


def _delegation_life(life: timedelta) -> timedelta:
    if not timedelta(minutes=10) <= life <= _MAX_DELEGATION:
        raise ValueError("must be from PT10M to P7D")
    return life


class ManagedIdentity(BaseModel):
    """An identity attached to the GeoCatalog that may read the container; it needs no SAS."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    object_id: Annotated[str, Field(min_length=1, description="principal id of the identity")]


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
        if sum(issuer is not None for issuer in (self.user_delegation, self.planetary_computer, self.setting)) != 1:
            raise ValueError("give exactly one of user_delegation, planetary_computer and setting")
        return self


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


def parse_source(fields: Any) -> SourceSpec:  # noqa: ANN401 - whatever JSON was given
    """Reads one source.

    Raises:
        ValueError: it is wrong; the message names field and remedy.
    """
    try:
        return SourceSpec.model_validate(fields)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}".strip(": ")
            for fault in error.errors(include_input=False)
        ]
        raise ValueError("; ".join(faults)) from None


def parse_sources(text: str) -> list[SourceSpec]:
    """Reads the JSON list of INGESTION_SOURCES.

    Raises:
        SettingsError: it is not a list of sources; the message names the entry and the fault.
    """
    try:
        entries = read_json(text)
    except ValueError as error:
        raise SettingsError(f"INGESTION_SOURCES is not JSON: {error}.") from None
    if not isinstance(entries, list):
        raise SettingsError("INGESTION_SOURCES must be a JSON list of sources.")
    specs: dict[str, SourceSpec] = {}
    faults = []
    for number, entry in enumerate(entries, 1):
        try:
            spec = parse_source(entry)
        except ValueError as error:
            faults.append(f"entry {number}: {error}")
            continue
        if spec.container_url in specs:
            faults.append(f"entry {number}: container {spec.container_url} is there twice")
        specs[spec.container_url] = spec
    if faults:
        raise SettingsError("INGESTION_SOURCES: " + "; ".join(faults) + ".")
    return list(specs.values())
