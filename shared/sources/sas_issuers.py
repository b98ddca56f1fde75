"""Gets a SAS for a container from where its source says: the Planetary Computer, the app's identity, or a setting."""

import os
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import parse_qs

from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.basics.blob_urls import parse_blob_url
from shared.basics.clock import parse_timestamp
from shared.basics.errors import BadContent, ErrorCode, Held, Unavailable
from shared.clients import Clients
from shared.http.azure_transport import transport_to
from shared.services.planetary_computer import SasToken
from shared.settings import is_unresolved
from shared.sources.specs import MAX_DELEGATION, Issuer, Sas, SourceSpec
from shared.storage.account import blob_retries

# The start lies in the past so that a clock a little behind ours takes the SAS at once.
_START_EARLIER = timedelta(minutes=5)


def issue_sas(spec: SourceSpec, app: Clients) -> SasToken:
    """Gets a SAS for the container of a source.

    Args:
        spec: the source; it must be one with a SAS.
        app: the clients.

    Raises:
        Held: the issuer refuses, or the setting holds no SAS for the container; the message says what to mend.
        Unavailable: the issuer does not answer as it should.
    """
    sas = _sas(spec)
    return _ISSUERS[sas.issuer](spec, sas, app)


def describe_issuer(spec: SourceSpec) -> str:
    """Names where the SAS of a source comes from, for sentences."""
    sas = _sas(spec)
    if sas.issuer is Issuer.SETTING:
        return f"setting {sas.setting}"
    if sas.issuer is Issuer.PLANETARY_COMPUTER:
        return f"the Planetary Computer ({sas.planetary_computer})"
    return "the app's own identity"


def _sas(spec: SourceSpec) -> Sas:
    if spec.sas is None:
        raise ValueError("a source with a managed identity needs no SAS")
    return spec.sas


def _from_planetary_computer(_spec: SourceSpec, sas: Sas, app: Clients) -> SasToken:
    try:
        return app.planetary_computer.sas_token(str(sas.planetary_computer))
    except BadContent as error:
        raise Held(error.message, code=ErrorCode.CONFIGURATION_REFUSED) from None


def _from_setting(spec: SourceSpec, sas: Sas, _app: Clients) -> SasToken:
    name = str(sas.setting)
    value = os.environ.get(name, "").strip()
    if not value:
        raise _wrong_setting(f"Setting {name} is missing or empty: put the SAS of {spec.container_url} there.")
    if is_unresolved(value):
        raise _wrong_setting(
            f"Setting {name} is a Key Vault reference that was not resolved: give the app's identity the role Key "
            "Vault Secrets User on that secret, check the secret's name, and restart the app."
        )
    url, _, token = value.rpartition("?")
    if url and parse_blob_url(url) != spec.url:
        raise _wrong_setting(
            f"Setting {name} holds a URL that is not that of {spec.container_url}: put the SAS of that container there."
        )
    expiry = parse_qs(token).get("se", [""])[0]
    if not expiry:
        raise _wrong_setting(f"Setting {name} holds no SAS with an expiry (se): put the SAS of the container there.")
    try:
        return SasToken(token, parse_timestamp(expiry))
    except ValueError:
        raise _wrong_setting(
            f"The SAS in setting {name} has an expiry (se) that is no timestamp: put it there as it was issued."
        ) from None


def _wrong_setting(message: str) -> Held:
    return Held(message, code=ErrorCode.SETTINGS)


def _user_delegation(spec: SourceSpec, sas: Sas, app: Clients) -> SasToken:
    from azure.storage.blob import (  # noqa: PLC0415 - only the renewal of own containers needs it
        BlobServiceClient,
        ContainerSasPermissions,
        generate_container_sas,
    )

    if sas.user_delegation is None:
        raise ValueError("the source has no user delegation")
    url, now = spec.url, app.now()
    if not url.endpoint.startswith("https:"):
        raise Held(
            f"The app's identity signs over https only and {spec.container_url} is plain http: add the source by its "
            "https URL, or with a SAS from a setting.",
            code=ErrorCode.SETTINGS,
        )
    start = now - _START_EARLIER
    # To the second, as a SAS says it.
    expiry = min(now + sas.user_delegation.lifetime, start + MAX_DELEGATION).replace(microsecond=0)
    try:
        with BlobServiceClient(
            url.endpoint, credential=app.credential, transport=transport_to(url.endpoint), retry_policy=blob_retries()
        ) as service:
            key = service.get_user_delegation_key(start, expiry)
    except AzureError as error:
        raise _delegation_fault(error, url.account) from error
    token = generate_container_sas(
        url.account,
        url.container,
        user_delegation_key=key,
        permission=ContainerSasPermissions(read=True, list=True),
        start=start,
        expiry=expiry,
        protocol="https",
    )
    return SasToken(token, expiry)


def _delegation_fault(error: AzureError, account: str) -> Held | Unavailable:
    status = getattr(error, "status_code", None)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Held(
            f"The app's identity may not sign for storage account {account}: give it Storage Blob Delegator on the "
            "account and Storage Blob Data Reader on the container.",
            code=ErrorCode.FORBIDDEN,
        )
    if isinstance(error, ClientAuthenticationError):
        return Held(
            f"The app's identity got no token for storage account {account}: is it assigned to the app, and does "
            "AZURE_CLIENT_ID name it?",
            code=ErrorCode.UNAUTHENTICATED,
        )
    return Unavailable(f"Storage account {account} did not sign ({type(error).__name__}).")


_ISSUERS: dict[Issuer, Callable[[SourceSpec, Sas, Clients], SasToken]] = {
    Issuer.PLANETARY_COMPUTER: _from_planetary_computer,
    Issuer.USER_DELEGATION: _user_delegation,
    Issuer.SETTING: _from_setting,
}
