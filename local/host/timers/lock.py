"""A lock that one host holds at a time: a blob lease, renewed while it is held."""

import logging
import threading
import time
from collections.abc import Callable

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient

from local.host.storage.errors import one_line
from local.host.storage.host_blobs import HostBlob

_logger = logging.getLogger("Host.Singleton")

_CONFLICT, _PRECONDITION_FAILED, _NOT_FOUND = 409, 412, 404
_LOST = {_CONFLICT, _PRECONDITION_FAILED, _NOT_FOUND}
# Renewal starts at half of the period and is tried again this often.
_RENEWAL_RETRY_SECONDS = 1.0


class ListenerLock:
    """The lock of one listener; when its holder dies, another host gets it once the lease has run out."""

    def __init__(self, blob: HostBlob, period: float, *, lost: Callable[[], None]) -> None:
        """Make a lock that is not yet held.

        Args:
            blob: The blob to lease.
            period: Seconds the lease lasts without renewal, 15 to 60.
            lost: Called when the lock was held and could not be kept.
        """
        self._blob = blob
        self._period = period
        self._lost = lost
        self._lease: BlobLeaseClient | None = None
        self._released = threading.Event()

    @property
    def held(self) -> bool:
        """Whether this host holds the lock."""
        return self._lease is not None

    def acquire(self) -> bool:
        """Try to get the lock; False if another host holds it or storage does not answer."""
        try:
            try:
                lease = self._blob.client.acquire_lease(lease_duration=int(self._period))
            except ResourceNotFoundError:
                self._blob.create_empty()
                lease = self._blob.client.acquire_lease(lease_duration=int(self._period))
        except HttpResponseError as error:
            if error.status_code != _CONFLICT:
                _logger.warning("The lock %s cannot be taken: %s", self._blob.path, one_line(error))
            return False
        except AzureError as error:
            _logger.warning("The lock %s cannot be taken: %s", self._blob.path, one_line(error))
            return False
        self._lease = lease
        self._released.clear()
        threading.Thread(target=self._keep, args=(lease,), name="lock", daemon=True).start()
        return True

    def release(self) -> None:
        """Give the lock back, so that another host need not wait for the lease to run out."""
        lease, self._lease = self._lease, None
        self._released.set()
        if lease is None:
            return
        try:
            lease.release()
        except AzureError as error:
            _logger.warning("The lock %s could not be released: %s", self._blob.path, one_line(error))

    def _keep(self, lease: BlobLeaseClient) -> None:
        valid_until = time.monotonic() + self._period
        pause = self._period / 2
        while not self._released.wait(pause):
            asked = time.monotonic()
            try:
                lease.renew()
                valid_until = asked + self._period
                pause = self._period / 2
            except AzureError as error:
                gone = isinstance(error, HttpResponseError) and error.status_code in _LOST
                if gone or time.monotonic() > valid_until:
                    _logger.error(  # noqa: TRY400 - the sentence says it all
                        "The lock %s is lost: %s", self._blob.path, one_line(error)
                    )
                    self._lease = None
                    self._lost()
                    return
                pause = _RENEWAL_RETRY_SECONDS
