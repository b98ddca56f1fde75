"""How often the host's storage client tries a call: as Azure.Core does with the storage extensions' options."""

import time
from typing import Any

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.storage.queue import ExponentialRetry

from local.host.configuration.durations import Durations

_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS, _SERVER_ERROR = 408, 429, 500


class StorageRetries(ExponentialRetry):
    """Tries a call six times; for the queue and the blob client alike."""

    def __init__(self, durations: Durations) -> None:
        super().__init__()
        self._durations = durations

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send a request, again after a connection error, a time-out, 408, 429 or a server's error.

        Raises:
            AzureError: The last try failed without an answer.
        """
        # Takes the options of the storage libraries out of the request's, which the transport does not know.
        mode = self.configure_retries(request)["mode"]
        for pause in [*self._durations.storage_pauses(), None]:
            try:
                response = self.next.send(request)
            except (ServiceRequestError, ServiceResponseError):
                if pause is None:
                    raise
            else:
                status = response.http_response.status_code
                if pause is None or not (status in {_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS} or status >= _SERVER_ERROR):
                    response.http_response.location_mode = mode
                    return response
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")
