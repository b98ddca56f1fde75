"""The app's identity, and bearer tokens for GeoCatalog."""

import threading
import time

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.basics import deadline
from shared.basics.errors import ErrorCode, Held, Unavailable
from shared.basics.redact import redact

# Asked for anew this many seconds before it runs out, so that no call starts with a token about to end.
_TOKEN_SKEW_SECONDS = 300


def make_credential() -> TokenCredential:
    """Returns the one credential of the app: managed identity in Azure, the developer's login elsewhere."""
    # Slow to import, needed with the first call.
    from azure.identity import AzureAuthorityHosts, DefaultAzureCredential  # noqa: PLC0415

    from shared.http.azure_transport import transport_to  # noqa: PLC0415

    # Where a developer's login gets its tokens; a managed identity's come from the machine itself.
    hosts = (
        AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
        AzureAuthorityHosts.AZURE_GOVERNMENT,
        AzureAuthorityHosts.AZURE_CHINA,
    )
    return DefaultAzureCredential(transport=transport_to(*(f"https://{host}" for host in hosts)))


class TokenSource:
    """Hands out a bearer token for one scope and keeps it until shortly before it runs out.

    Args:
        credential: where tokens come from.
        scope: such as https://geocatalog.spatio.azure.com/.default.
    """

    def __init__(self, credential: TokenCredential, scope: str) -> None:
        self._credential = credential
        self._scope = scope
        self._lock = threading.Lock()
        self._token = ""
        self._expires_on = 0.0

    def token(self) -> str:
        """Returns a token that is valid for some minutes.

        Raises:
            Held: the identity cannot get one; the message says why.
            Unavailable: the identity service did not answer, or not in the time that is left.
        """
        with deadline.held(self._lock):
            if time.time() > self._expires_on - _TOKEN_SKEW_SECONDS:
                self._renew()
            return self._token

    def forget(self) -> None:
        """Drops the token that was kept, because it was refused."""
        with self._lock:
            self._expires_on = 0.0

    def _renew(self) -> None:
        try:
            access = self._credential.get_token(self._scope)
        except ClientAuthenticationError as error:
            said = redact(" ".join(error.message.split()))[:300]
            raise Held(
                f"No token for {self._scope}: {said} Check the app's identity.",
                code=ErrorCode.UNAUTHENTICATED,
            ) from None
        except (AzureError, OSError, ValueError) as error:
            raise Unavailable(f"The identity service did not answer: {redact(str(error))[:300]}.") from error
        self._token, self._expires_on = access.token, float(access.expires_on)
