"""Gets a SAS for a container from where its source says: the Planetary Computer, the app's identity, or a setting."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from shared.clock import parse_timestamp
from shared.errors import BadContent, ErrorCode, Held, Unavailable
from shared.planetary_computer import PlanetaryComputer, SasToken
from shared.source_specs import SourceSpec

# The start lies in the past so that a clock a little behind ours takes the SAS at once.
_START_EARLIER = timedelta(minutes=5)


def issue_sas(
    spec: SourceSpec, *, planetary_computer: PlanetaryComputer, credential: TokenCredential, now: datetime
) -> SasToken:
    """Gets a SAS for the container of a source.

    Args:
        spec: the source; it must be one with a SAS.
        planetary_computer: issuer for its collections.
        credential: the app's identity.
        now: the present moment.

    Raises:
        Held: the issuer refuses, or the setting is missing; the message says what to mend.
        Unavailable: the issuer does not answer.
    """
    sas = spec.sas
    if sas is None:
        raise ValueError("a source with a managed identity needs no SAS")
    if sas.planetary_computer:
        try:
            return planetary_computer.sas_token(sas.planetary_computer)
        except BadContent as error:
            raise Held(error.message, code=ErrorCode.CONFIGURATION_REFUSED) from None
    if sas.user_delegation:
        return _user_delegation(spec, sas.user_delegation.lifetime, credential, now)
    return _from_setting(str(sas.setting), os.environ.get)


def _from_setting(name: str, read: Callable[[str], str | None]) -> SasToken:
    value = (read(name) or "").strip()
    token = value.rpartition("?")[2]
    expiry = parse_qs(token).get("se", [""])[0]
    if not token or not expiry:
        raise Held(
            f"Setting {name} holds no SAS with an expiry (se); put the partner's SAS there.", code=ErrorCode.SETTINGS
        )
    try:
        return SasToken(token, parse_timestamp(expiry))
    except ValueError:
        raise Held(
            f"The SAS in setting {name} has an expiry (se) that is no timestamp.", code=ErrorCode.SETTINGS
        ) from None


def _user_delegation(spec: SourceSpec, lifetime: timedelta, credential: TokenCredential, now: datetime) -> SasToken:
    from azure.storage.blob import (  # noqa: PLC0415 - only the renewal of own containers needs it
        BlobServiceClient,
        ContainerSasPermissions,
        generate_container_sas,
    )

    url = spec.url
    start, expiry = now - _START_EARLIER, now + lifetime - _START_EARLIER
    try:
        with BlobServiceClient(url.endpoint, credential=credential, connection_timeout=5, read_timeout=20) as service:
            key = service.get_user_delegation_key(start, expiry)
    except AzureError as error:
        status = getattr(error, "status_code", None)
        if status in {401, 403}:
            raise Held(
                f"The app's identity may not sign for storage account {url.account}: give it Storage Blob Delegator on "
                "the account and Storage Blob Data Reader on the container.",
                code=ErrorCode.FORBIDDEN,
            ) from None
        raise Unavailable(f"Storage account {url.account} did not answer ({type(error).__name__}).") from error
    token = generate_container_sas(
        url.account,
        url.container,
        user_delegation_key=key,
        permission=ContainerSasPermissions(read=True, list=True),
        start=start,
        expiry=expiry,
        protocol="https" if url.endpoint.startswith("https:") else "https,http",
    )
    return SasToken(token, expiry)
