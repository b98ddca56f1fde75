"""Azurite, Microsoft's storage emulator: start it, stop it, restart it."""

import base64
import hashlib
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from local.azurite_install import (
    AZURITE_FOLDER,
    AZURITE_VERSION,
    LOG_TAIL_CHARACTERS,
    OLDEST_NODE,
    AzuriteError,
    find_node,
    installed_version,
)
from local.certificates import make_certificate

HOST = "127.0.0.1"
SERVICES = ("blob", "queue", "table")

# The account that every storage emulator has, with its published key:
# https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
DEVELOPMENT_ACCOUNT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

START_SECONDS = 60.0
STOP_SECONDS = 15.0
PORT_RELEASE_SECONDS = 10.0

# Closing this pipe is how Azurite learns that the process which started it has gone, however that ended.
_STOP_WITH_PARENT = (
    "data:text/javascript,"
    "process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume(); process.stdin.unref();"
)


def _local_key(account: str) -> str:
    """Make up the key of a local account: any key does, but it must survive restarts."""
    return base64.b64encode(hashlib.sha512(f"azurite {account}".encode()).digest()).decode()


#: The accounts of the local stack and their keys: the app's own, GeoCatalog's managed storage, and the open
#: Planetary Computer's account for Sentinel-2.
ACCOUNTS: Mapping[str, str] = {
    DEVELOPMENT_ACCOUNT: DEVELOPMENT_KEY,
    "managedstorage": _local_key("managedstorage"),
    "sentinel2l2a01": _local_key("sentinel2l2a01"),
}


class PortTakenError(AzuriteError):
    """Something else listens on a port that Azurite was given."""


class Azurite:
    """Blob, queue and table service over one data folder, on loopback.

    It ends with the process that started it, however that ends. After `stop()`, `start()` brings it back with
    the same data on the same ports.

    Attributes:
        accounts: Name and key of each account.
        certificate: The certificate that clients trust, or None without TLS.
    """

    def __init__(
        self,
        data: Path,
        *,
        blob_port: int = 0,
        queue_port: int = 0,
        table_port: int = 0,
        accounts: Mapping[str, str] = ACCOUNTS,
        tls: Path | None = None,
    ) -> None:
        """Describe an Azurite; `start()` runs it.

        Args:
            data: Folder for its data and its log, `azurite.log`; made when missing.
            blob_port: Port of the blob service; 0 takes a free one.
            queue_port: Port of the queue service; 0 takes a free one.
            table_port: Port of the table service; 0 takes a free one.
            accounts: Name and base64 key of each account.
            tls: Folder for a certificate and its key, made when missing. With it the services
                speak HTTPS and take bearer tokens as well as keys.
        """
        self.data = data
        self.accounts = dict(accounts)
        self.certificate = None if tls is None else tls / "azurite-certificate.pem"
        self._private_key = None if tls is None else tls / "azurite-key.pem"
        self._ports = {"blob": blob_port, "queue": queue_port, "table": table_port}
        self._process: subprocess.Popen[bytes] | None = None
        self._has_run = False

    @property
    def log(self) -> Path:
        """File with what it says; each start begins it anew."""
        return self.data / "azurite.log"

    def blob_endpoint(self, account: str = DEVELOPMENT_ACCOUNT) -> str:
        """Return the account's blob service URL, without a trailing slash."""
        return self._endpoint("blob", account)

    def queue_endpoint(self, account: str = DEVELOPMENT_ACCOUNT) -> str:
        """Return the account's queue service URL, without a trailing slash."""
        return self._endpoint("queue", account)

    def table_endpoint(self, account: str = DEVELOPMENT_ACCOUNT) -> str:
        """Return the account's table service URL, without a trailing slash."""
        return self._endpoint("table", account)

    def connection_string(self, account: str = DEVELOPMENT_ACCOUNT) -> str:
        """Return the connection string of an account, for all three services."""
        return (
            f"DefaultEndpointsProtocol={self._scheme};AccountName={account};AccountKey={self.accounts[account]};"
            f"BlobEndpoint={self.blob_endpoint(account)};QueueEndpoint={self.queue_endpoint(account)};"
            f"TableEndpoint={self.table_endpoint(account)};"
        )

    def start(self) -> Self:
        """Start it and wait until all three services answer.

        Returns:
            Itself.

        Raises:
            AzuriteError: Azurite or Node.js is missing, or Azurite ended early; its log's last lines are told.
            PortTakenError: A port is taken.
        """
        if self._process is not None:
            raise AzuriteError("Azurite is running already; stop it first.")
        # The ports were its own before a restart: a client that keeps knocking can hold one for a moment.
        give_up = time.monotonic() + PORT_RELEASE_SECONDS
        while True:
            try:
                self._launch()
            except PortTakenError:
                if not self._has_run or time.monotonic() > give_up:
                    raise
            else:
                self._has_run = True
                return self

    def stop(self) -> None:
        """Stop it, saving all data; does nothing when it is not running."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._reap()

    def __enter__(self) -> Self:
        """Start it unless it is running."""
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def _scheme(self) -> str:
        return "http" if self.certificate is None else "https"

    def _endpoint(self, service: str, account: str) -> str:
        if account not in self.accounts:
            raise AzuriteError(f"Azurite has no account {account!r}; it has {', '.join(self.accounts)}.")
        return f"{self._scheme}://{HOST}:{self._ports[service]}/{account}"

    def _launch(self) -> None:
        self._prepare()
        environment = os.environ | {
            "AZURITE_ACCOUNTS": ";".join(f"{name}:{key}" for name, key in self.accounts.items())
        }
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command(),
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the one who started it, who then stops it in order
            )
        try:
            self._ports = self._await_ports()
            self._await_answers()
        except BaseException:
            self._process.kill()
            self._reap()
            raise

    def _prepare(self) -> None:
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            if self.certificate is not None and self._private_key is not None:
                make_certificate(self.certificate, self._private_key)
        except OSError as error:
            raise AzuriteError(f"Azurite cannot keep its data in {self.data} ({error}); choose another.") from error

    def _command(self) -> list[str]:
        if installed_version(AZURITE_FOLDER) != AZURITE_VERSION:
            raise AzuriteError(f"Azurite {AZURITE_VERSION} is not installed; run `make setup`.")
        node = find_node()
        if node is None:
            raise AzuriteError(f"Azurite needs Node.js {OLDEST_NODE} or newer, and there is none; run `make setup`.")
        program = AZURITE_FOLDER / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
        command = [node.executable, "--import", _STOP_WITH_PARENT, str(program), "--location", str(self.data)]
        for service in SERVICES:
            command += [f"--{service}Host", HOST, f"--{service}Port", str(self._ports[service])]
            # As Azure does, rather than its own 5 s: a connection closed just when it is used loses an answer.
            command += [f"--{service}KeepAliveTimeout", "120"]
        # The current SDKs send an API version that is newer than any Azurite knows.
        command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        if self.certificate is not None:
            command += ["--oauth", "basic", "--cert", str(self.certificate), "--key", str(self._private_key)]
        return command

    def _await_ports(self) -> dict[str, int]:
        """Read from the log on which port each service listens: a port 0 was chosen by the system."""
        give_up = time.monotonic() + START_SECONDS
        while True:
            ended = self._process is None or self._process.poll() is not None
            text = self.log.read_text(encoding="utf-8", errors="replace")
            found = re.findall(r"Azurite (\w+) service is successfully listening at \S+:(\d+)", text)
            if len(found) == len(SERVICES) and not ended:
                return {service.lower(): int(port) for service, port in found}
            if ended:
                if taken := re.search(r"EADDRINUSE\D+(?:[\d.]+:)?(\d+)", text):
                    raise PortTakenError(f"Azurite: port {taken[1]} on {HOST} is already taken; choose another.")
                raise AzuriteError(f"Azurite ended while it started. It said:\n{text[-LOG_TAIL_CHARACTERS:]}")
            if time.monotonic() > give_up:
                raise AzuriteError(
                    f"Azurite did not start within {START_SECONDS:.0f} s. It said:\n{text[-LOG_TAIL_CHARACTERS:]}"
                )
            time.sleep(0.02)

    def _await_answers(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # no proxy to loopback
            session.verify = str(self.certificate) if self.certificate else True
            for service in SERVICES:
                # Any answer will do: an unsigned request is refused by a service that works.
                session.get(self._endpoint(service, next(iter(self.accounts))), timeout=START_SECONDS)

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
