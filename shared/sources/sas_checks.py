"""Judges a SAS before it takes another's place: it must be good now, for the container, and for longer."""

import logging
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import requests

from shared.basics.clock import parse_timestamp
from shared.basics.errors import ErrorCode, Held, IngestionError, Unavailable
from shared.http.sessions import plain_session
from shared.services.planetary_computer import SasToken
from shared.settings import LOOPBACK_HOSTS
from shared.sources.sas_issuers import describe_issuer
from shared.sources.specs import Issuer, SourceSpec

log = logging.getLogger(__name__)

_TIMEOUT = (5.0, 20.0)
# What storage says to an address that its firewall shuts out; in Azure it does not say whether the SAS is good.
_FIREWALL = "AuthorizationFailure"
_NO_ROLE = "AuthorizationPermissionMismatch"
_WRONG_SIGNATURE = "it was signed for another container, or its key no longer holds"


def check_sas(token: SasToken, spec: SourceSpec, *, live_expiry: datetime | None, now: datetime) -> None:
    """Checks that a SAS may take the place of the one that a source has.

    Args:
        token: the SAS.
        spec: the source.
        live_expiry: when the SAS that is in place ends; None where there is none.
        now: the present moment.

    Raises:
        Held: a SAS from a setting is not good enough: the operator must put another there.
        Unavailable: an issuer's SAS is not good enough; it is asked again at the next renewal.
    """
    problem = _problem(token, live_expiry, now) or _refusal(token, spec)
    if problem:
        raise _fault(problem, spec)


def _problem(token: SasToken, live_expiry: datetime | None, now: datetime) -> str | None:
    fields = {name: values[0] for name, values in parse_qs(token.token).items()}
    try:
        start = parse_timestamp(fields["st"]) if "st" in fields else None
        expiry = parse_timestamp(fields["se"])
    except KeyError:
        return "has no expiry (se)"
    except ValueError:
        return "has a start (st) or expiry (se) that is no timestamp"
    expiry = min(expiry, token.expires)
    if expiry <= now:
        return f"ended at {expiry.isoformat()}"
    if start and start > now:
        return f"begins only at {start.isoformat()}"
    # Service SAS name the resource: c a container; account SAS (no sr) are good for every container.
    if fields.get("sr", "c") != "c":
        return "is not for a whole container (sr)"
    if "r" not in fields.get("sp", "r"):
        return "does not grant reading (sp)"
    if live_expiry and expiry <= live_expiry:
        return f"ends no later than the one in place, which ends at {live_expiry.isoformat()}"
    return None


def _refusal(token: SasToken, spec: SourceSpec) -> str | None:
    """Asks the container itself; None where it takes the SAS, or cannot be asked from here.

    For which container a SAS was signed, and with a key that still holds, only its storage account can tell.
    """
    if "l" not in parse_qs(token.token).get("sp", [""])[0]:
        return None  # without the right to list there is nothing to ask with
    url = f"{spec.container_url}?restype=container&comp=list&maxresults=1&{token.token}"
    try:
        with plain_session() as session:
            response = session.get(url, timeout=_TIMEOUT, allow_redirects=False, stream=True)
    except requests.RequestException as error:
        # GeoCatalog may reach a storage account that the app does not.
        log.info("Container %s cannot be asked about its SAS: %s", spec.container_url, type(error).__name__)
        return None
    if response.status_code != HTTPStatus.FORBIDDEN:
        return None
    code = response.headers.get("x-ms-error-code", "")
    if code == _FIREWALL and urlsplit(spec.container_url).hostname not in LOOPBACK_HOSTS:
        return None
    reason = "who signed it lacks Storage Blob Data Reader" if code == _NO_ROLE else _WRONG_SIGNATURE
    return f"is refused by container {spec.container_url} ({code}): {reason}"


def _fault(problem: str, spec: SourceSpec) -> IngestionError:
    if spec.sas and spec.sas.issuer is Issuer.SETTING:
        return Held(
            f"The SAS in {describe_issuer(spec)} {problem}; put a new SAS of {spec.container_url} there.",
            code=ErrorCode.SETTINGS,
        )
    return Unavailable(f"A SAS from {describe_issuer(spec)} {problem}; it was not used.")
