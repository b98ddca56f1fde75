"""Stored access policies of containers in Azurite: one for each expiry, so that tokens expire and can be revoked.

Where a token names a policy, Azurite takes the expiry from the policy and not from the token. So tokens of different
expiry need policies of their own. Azurite, unlike Azure, sets no limit to their number, but the SDK does: hence the
signed request made here.
"""

import base64
import hashlib
import hmac
import threading
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import requests

from local.geocatalog import timestamps

# How long storage may take to answer, in seconds.
_TIMEOUT_SECONDS = 30

# Tokens asked for shortly after one another share a policy: a later one may end this much too early.
_LARGEST_SLACK = timedelta(minutes=4)
_SLACK_SHARE = 20

_API_VERSION = "2021-12-02"


class AccessPolicies:
    """The policies of all containers of one storage account. Its methods may be called from any thread.

    Args:
        endpoint: The account's blob endpoint, such as `http://127.0.0.1:10000/managedstorage`.
        account: Its name.
        key: Its key, base64.
    """

    def __init__(self, endpoint: str, account: str, key: str) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._account = account
        self._key = base64.b64decode(key)
        self._policies: dict[str, dict[str, datetime]] = {}
        self._lock = threading.Lock()

    def forget(self, container: str) -> None:
        """Forget the policies of a container that is gone."""
        with self._lock:
            self._policies.pop(container, None)

    def policy_until(self, container: str, expiry: datetime) -> tuple[str, datetime]:
        """Give a policy that ends at a time, or a little before.

        Args:
            container: The container.
            expiry: When the policy should end.

        Returns:
            The policy's id, and when it really ends.

        Raises:
            requests.RequestException: Storage could not be asked, or refused.
        """
        now = datetime.now(UTC)
        slack = min(_LARGEST_SLACK, (expiry - now) / _SLACK_SHARE)
        with self._lock:
            present = {key: end for key, end in self._policies.get(container, {}).items() if end > now}
            for policy, end in present.items():
                if expiry - slack <= end <= expiry:
                    return policy, end
            made = uuid.uuid4().hex
            present[made] = expiry
            self._write(container, present)
            self._policies[container] = present
            return made, expiry

    def remove_all(self) -> None:
        """Remove every policy of every container: all tokens that name one stop working.

        Raises:
            requests.RequestException: Storage could not be asked, or refused.
        """
        with self._lock:
            for container in [*self._policies]:
                self._write(container, {})
                del self._policies[container]

    def _write(self, container: str, policies: dict[str, datetime]) -> None:
        url = f"{self._endpoint}/{container}?restype=container&comp=acl"
        body = _to_xml(policies.items())
        headers = {
            "Content-Type": "application/xml",
            "x-ms-date": format_datetime(datetime.now(UTC), usegmt=True),
            "x-ms-version": _API_VERSION,
        }
        headers["Authorization"] = self._signature(url, len(body), headers)
        with requests.Session() as session:
            session.trust_env = False
            response = session.put(url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS)
        # A container that was deleted meanwhile has nothing left to protect.
        if response.status_code != requests.codes.not_found:
            response.raise_for_status()

    def _signature(self, url: str, length: int, headers: dict[str, str]) -> str:
        # https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
        to_sign = "\n".join(
            [
                "PUT",
                "",
                "",
                str(length),
                "",
                headers["Content-Type"],
                *[""] * 6,
                f"x-ms-date:{headers['x-ms-date']}",
                f"x-ms-version:{headers['x-ms-version']}",
                f"/{self._account}{urlsplit(url).path}",
                "comp:acl",
                "restype:container",
            ]
        )
        digest = hmac.new(self._key, to_sign.encode(), hashlib.sha256).digest()
        return f"SharedKey {self._account}:{base64.b64encode(digest).decode()}"


def _to_xml(policies: Iterable[tuple[str, datetime]]) -> bytes:
    entries = "".join(
        f"<SignedIdentifier><Id>{policy}</Id><AccessPolicy><Expiry>{timestamps.seconds_only(end)}</Expiry>"
        "<Permission>rl</Permission></AccessPolicy></SignedIdentifier>"
        for policy, end in policies
    )
    return f'<?xml version="1.0" encoding="utf-8"?><SignedIdentifiers>{entries}</SignedIdentifiers>'.encode()
