"""Identity emulator: the managed identity endpoint that App Service gives its apps.

With `IDENTITY_ENDPOINT` set to its URL (`http://HOST:PORT/msi/token`) and `IDENTITY_HEADER` to its secret,
azure-identity's own code gets its tokens here. Their signature is worthless: who takes them checks the claims.
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import argparse
import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.stack.serve import HEALTH_ROUTE, serve

API_VERSION = "2019-08-01"
TENANT_ID = "00000000-0000-0000-0000-000000000001"
OBJECT_ID = "00000000-0000-0000-0000-000000000002"
CLIENT_ID = "00000000-0000-0000-0000-000000000003"
TOKEN_LIFE_SECONDS = 3600
CLOCK_SKEW_SECONDS = 5  # a token is good at once, also where a clock is a little behind


@dataclass(frozen=True)
class Identity:
    """The managed identity that tokens are for.

    Attributes:
        header: Secret that callers show in `X-IDENTITY-HEADER`.
        object_id: Object id of the identity, the token's `oid`.
        token_life: Life of a token, in seconds.
        signing_key: Key of the signatures.
    """

    header: str
    object_id: str = OBJECT_ID
    token_life: int = TOKEN_LIFE_SECONDS
    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)


def create_app(identity: Identity) -> Starlette:
    """Make the application that hands out tokens for an identity."""

    async def get_token(request: Request) -> JSONResponse:
        if not hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", "").encode(), identity.header.encode()):
            return _refusal(HTTPStatus.UNAUTHORIZED, "X-IDENTITY-HEADER is missing or not the app's IDENTITY_HEADER.")
        if request.query_params.get("api-version") != API_VERSION:
            return _refusal(HTTPStatus.BAD_REQUEST, f"The query parameter api-version must be {API_VERSION}.")
        resource = request.query_params.get("resource", "").rstrip("/")
        if not resource:
            return _refusal(HTTPStatus.BAD_REQUEST, "The query parameter resource is missing.")
        client_id = request.query_params.get("client_id", CLIENT_ID)
        now = int(time.time())
        return JSONResponse(
            {
                "access_token": make_token(identity, resource, client_id, now),
                "client_id": client_id,
                "expires_on": str(now + identity.token_life),
                "not_before": str(now - CLOCK_SKEW_SECONDS),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    return Starlette(routes=[HEALTH_ROUTE, Route("/msi/token", get_token, methods=["GET"])])


def make_token(identity: Identity, resource: str, client_id: str, now: int) -> str:
    """Make a JSON Web Token with the claims of a managed identity's.

    Args:
        identity: Whom the token is for.
        resource: Its audience, without a trailing slash.
        client_id: Client id of the identity.
        now: Time of issue, in seconds since 1970.

    Returns:
        The signed token, in its compact form.
    """
    claims = {
        "aud": resource,
        "iss": f"https://sts.windows.net/{TENANT_ID}/",
        "iat": now,
        "nbf": now - CLOCK_SKEW_SECONDS,
        "exp": now + identity.token_life,
        "appid": client_id,
        "idtyp": "app",
        "oid": identity.object_id,
        "sub": identity.object_id,
        "tid": TENANT_ID,
        "ver": "1.0",
    }
    signed = f"{_encode(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_encode(hmac.digest(identity.signing_key, signed.encode(), hashlib.sha256))}"


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _refusal(status: HTTPStatus, message: str) -> JSONResponse:
    return JSONResponse({"statusCode": status.value, "message": message}, status)


def main(argv: list[str] | None = None) -> None:
    """Run `python -m local.identity`.

    Args:
        argv: Command line arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m local.identity", description="Run the identity emulator.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one")
    parser.add_argument("--header", required=True, help="secret that callers show in X-IDENTITY-HEADER")
    parser.add_argument("--object-id", default=OBJECT_ID, help="object id of the identity (default: %(default)s)")
    parser.add_argument(
        "--token-life",
        type=_positive_seconds,
        default=TOKEN_LIFE_SECONDS,
        help="seconds that a token lives (default: %(default)s)",
    )
    arguments = parser.parse_args(argv)
    identity = Identity(arguments.header, arguments.object_id, arguments.token_life)
    serve(create_app(identity), name="Identity emulator", host=arguments.host, port=arguments.port)


def _positive_seconds(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of seconds above 0")
    return int(text)


if __name__ == "__main__":
    main()
