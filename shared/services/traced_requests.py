"""Requests as spans: a transport adapter that tells of each request it makes."""

from typing import Any

from requests import PreparedRequest, Response

from shared import telemetry
from shared.http.sessions import PooledAdapter


class TracedAdapter(PooledAdapter):
    """The app's own adapter; each request, with its quick retries, is one client span without headers or query."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Sends a request as the adapter does."""
        with telemetry.request_span(str(request.method), str(request.url)):
            response = super().send(request, *args, **options)
            telemetry.note_response(response.status_code)
            return response
