"""A bearer token such as an Entra ID login would give, made by the identity emulator."""

import time

from azure.core.credentials import AccessToken
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import HttpRequest, HttpResponse

from local.identity import CLIENT_ID, Identity, make_token

AUDIENCE = "https://geocatalog.spatio.azure.com"


def bearer_token() -> str:
    return make_token(Identity("unused"), AUDIENCE, CLIENT_ID, int(time.time()))


class LocalCredential:
    """A credential whose tokens the GeoCatalog emulator takes."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(bearer_token(), int(time.time()) + 3000)


class PlainHttpBearerPolicy(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Sends a bearer token over plain HTTP, which the SDK's own policy refuses; the emulator is on loopback."""

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {bearer_token()}"
