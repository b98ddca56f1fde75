"""Bearer tokens: audience and times are checked, the signature is not."""

import base64
import binascii
import time
from collections import OrderedDict

from local.basics.json_text import parse_json
from local.geocatalog.errors import RequestError, RequestErrorCode

AUDIENCES = frozenset(
    {
        "https://geocatalog.spatio.azure.com",
        "https://geocatalog.spatio.azure.com/",
        "6388acc4-795e-43a9-a320-33075c1eb83b",  # the service's application id in Microsoft Entra ID
    }
)

# Clients keep a token for an hour, so a few are in use at a time; this bounds what is remembered.
_REMEMBERED_TOKENS = 256

# Microsoft's token libraries allow clocks to differ by five minutes.
_CLOCK_SKEW_SECONDS = 300


def _unauthorized(message: str) -> RequestError:
    return RequestError(401, RequestErrorCode.UNAUTHORIZED, message)


class TokenCheck:
    """Checks the `Authorization` header of each request."""

    def __init__(self) -> None:
        self._validity: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, header: str | None) -> None:
        """Check one header.

        Args:
            header: Value of `Authorization`, or None where there is none.

        Raises:
            RequestError: 401, saying what is wrong.
        """
        if not header:
            raise _unauthorized("The request carries no Authorization header; send a bearer token.")
        if header not in self._validity:
            self._validity[header] = _read_validity(header)
            if len(self._validity) > _REMEMBERED_TOKENS:
                self._validity.popitem(last=False)
        not_before, expires = self._validity[header]
        now = time.time()
        if now >= expires:
            raise _unauthorized("The bearer token has expired; get a new one.")
        if now < not_before - _CLOCK_SKEW_SECONDS:
            raise _unauthorized("The bearer token is not valid yet.")


def _read_validity(header: str) -> tuple[float, float]:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized("The Authorization header must be 'Bearer' and a token.")
    claims = _read_claims(token.strip())
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(one, str) and one in AUDIENCES for one in audiences):
        raise _unauthorized(
            "The bearer token is for another audience; ask for the scope https://geocatalog.spatio.azure.com/.default."
        )
    expires, not_before = claims.get("exp"), claims.get("nbf", 0)
    if not _is_number(expires) or not _is_number(not_before):
        raise _unauthorized("The bearer token's times (exp, nbf) are missing or not numbers.")
    return float(not_before), float(expires)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_claims(token: str) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) == 3:  # noqa: PLR2004 - a signed JSON Web Token has header, claims and signature
        try:
            padded = parts[1] + "=" * (-len(parts[1]) % 4)
            claims = parse_json(base64.urlsafe_b64decode(padded))
        except (binascii.Error, ValueError):
            claims = None
        if isinstance(claims, dict):
            return claims
    raise _unauthorized("The bearer token is not a JSON Web Token.")
