"""The whole local stack: starts every part in order, says where each is, stops them in reverse."""

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.exceptions import AzureError

from local.azurite import Azurite
from local.stack.env_file import write_env
from local.stack.indexed import check_indexed
from local.stack.parts import CoreToolsHost, Part, PartError
from local.stack.restarts import Restarts
from local.stack.status import PartStatus, remove_status, write_status
from shared.settings import StorageConnection
from shared.storage.account import connect_storage
from shared.upkeep.provision import create_storage

PROJECT = Path(__file__).resolve().parents[2]
MANAGED_ACCOUNT = "managedstorage"
PLANETARY_COMPUTER_ACCOUNT = "sentinel2l2a01"

# Quicker than Azure's defaults, since nobody wants to wait a minute on a machine of their own.
QUICK_SETTINGS = {
    "TRACK_SCHEDULE": "* * * * * *",
    "RENEW_SCHEDULE": "*/5 * * * * *",
    "FEED_SCHEDULE": "*/5 * * * * *",
    "TIME_SCALE": "0.1",
    "MAX_REQUESTS_PER_SECOND": "0",
    "LOCAL_HOST_RECEIVE_VISIBILITY": "60",
    # As the deployment has it: a host that stops receives nothing more.
    "FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING": "true",
}
# Not for a real GeoCatalog, which takes as long as it takes and limits how often it is asked.
_FOR_EMULATORS_ONLY = frozenset(
    {"TRACK_SCHEDULE", "RENEW_SCHEDULE", "FEED_SCHEDULE", "TIME_SCALE", "MAX_REQUESTS_PER_SECOND"}
)


@dataclass(frozen=True)
class StackOptions:
    """What to start.

    Attributes:
        state: folder for the env file, the logs and Azurite's data.
        with_host: whether to start the host with the app.
        core_tools: path of `func`, to start the real host in place of the stand-in.
        assets: what the GeoCatalog emulator does with assets: `copy` or `trust`.
        sas_life: life of the Planetary Computer emulator's SAS, in seconds.
        geocatalog: URL of a real GeoCatalog to use in place of the emulators.
        ports: ports to use, by part; the others are free ones.
    """

    state: Path
    with_host: bool = True
    core_tools: str | None = None
    assets: str = "copy"
    sas_life: int = 3600
    geocatalog: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)


# How soon a Ctrl-C, or a part that ended, is noticed.
_CHECK_SECONDS = 0.1

PORT_NAMES = ("blob", "queue", "table", "identity", "planetary-computer", "geocatalog", "host", "event-grid")


class Stack:
    """The running parts.

    Attributes:
        environment: what a shell, the command or another host needs to use the stack.
        endpoints: where each part is, by name.
    """

    def __init__(self, options: StackOptions, *, say: Callable[[str, str], None]) -> None:
        """Describes a stack; `start` runs it.

        Args:
            options: what to start.
            say: told the name and the address of each part as it becomes ready.
        """
        self._options = options
        self._say = say
        self._parts: list[Part] = []
        self._restarts: list[Restarts] = []
        self._resources = ExitStack()
        self.environment: dict[str, str] = {}
        self.endpoints: dict[str, str] = {}

    def start(self) -> None:
        """Starts every part and writes the env file; where one fails, stops those that run.

        Raises:
            AzuriteError: Azurite is missing, its port is taken, or it does not start.
            PartError: another part does not start; its last words are told.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops every part, the last started first, and removes the env file."""
        (self._options.state / "env").unlink(missing_ok=True)
        remove_status(self._options.state)
        self._resources.close()
        self._parts.clear()
        self._restarts.clear()

    def check(self) -> None:
        """Looks whether every part still runs, and starts a host that stopped again.

        Raises:
            PartError: a part that the platform would not start again ended by itself.
        """
        for part in self._parts:
            part.check()
        changed = [restarts.check() for restarts in self._restarts]
        if any(changed):
            self._write_status()

    def _start(self) -> None:
        options = self._options
        (options.state / "logs").mkdir(parents=True, exist_ok=True)
        azurite = self._start_azurite()
        connection = azurite.connection_string()
        self.environment |= {"INGEST_STORAGE": connection, "AzureWebJobsStorage": connection}
        if options.geocatalog:
            self.environment["GEOCATALOG_URL"] = options.geocatalog
        else:
            self._start_emulators(azurite)
        self.environment |= self._pace()
        self._create_storage(connection)
        self._start_event_grid(connection)
        if options.with_host:
            self._start_host()
        self._write_status()
        write_env(options.state / "env", self.environment)

    def _pace(self) -> dict[str, str]:
        slow = _FOR_EMULATORS_ONLY if self._options.geocatalog else frozenset[str]()
        quick = {name: value for name, value in QUICK_SETTINGS.items() if name not in slow}
        return quick | {name: os.environ[name] for name in QUICK_SETTINGS if name in os.environ}

    def _start_azurite(self) -> Azurite:
        ports = self._options.ports
        azurite = Azurite(
            self._options.state / "azurite",
            blob_port=ports.get("blob", 0),
            queue_port=ports.get("queue", 0),
            table_port=ports.get("table", 0),
        )
        self._resources.enter_context(azurite)
        for name, endpoint in (
            ("Azurite blobs", azurite.blob_endpoint()),
            ("Azurite queues", azurite.queue_endpoint()),
            ("Azurite tables", azurite.table_endpoint()),
        ):
            self._ready(name, endpoint)
        return azurite

    def _start_emulators(self, azurite: Azurite) -> None:
        header = secrets.token_hex(16)
        accounts = ";".join(f"{name}:{key}" for name, key in azurite.accounts.items())
        identity = self._part("identity emulator", "local.identity", ["--header", header], port="identity")
        planetary_computer = self._part(
            "Planetary Computer emulator",
            "local.planetary_computer",
            [
                *("--storage", azurite.connection_string(PLANETARY_COMPUTER_ACCOUNT)),
                *("--sas-life", str(self._options.sas_life)),
            ],
            port="planetary-computer",
        )
        geocatalog = self._part(
            "GeoCatalog emulator",
            "local.geocatalog",
            ["--storage", azurite.connection_string(MANAGED_ACCOUNT), "--assets", self._options.assets],
            port="geocatalog",
            environment={"AZURITE_ACCOUNTS": accounts},
        )
        for part in (identity, planetary_computer, geocatalog):
            self._await(part)
        self.environment |= {
            "GEOCATALOG_URL": geocatalog.url,
            "PLANETARY_COMPUTER_URL": planetary_computer.url,
            "IDENTITY_ENDPOINT": f"{identity.url}/msi/token",
            "IDENTITY_HEADER": header,
            # Straight to the identity emulator: the developer's own logins are not asked.
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }

    def _start_host(self) -> None:
        host = self._core_tools_host() if self._options.core_tools else self._host_stand_in()
        self._await(host)
        check_indexed(host)
        self.environment["LOCAL_HOST_URL"] = host.url

    def _write_status(self) -> None:
        restarted = {restarts.part.name: restarts for restarts in self._restarts}
        write_status(
            self._options.state,
            [
                PartStatus(
                    name=name,
                    url=url,
                    restarts=restarted[name].count if name in restarted else 0,
                    last_reason=restarted[name].last_reason if name in restarted else None,
                )
                for name, url in self.endpoints.items()
            ],
        )

    def _start_event_grid(self, connection: str) -> None:
        state = str(self._options.state / "event-grid.json")
        events = self._part(
            "Event Grid stand-in",
            "local.event_grid",
            ["--storage", connection, "--state", state],
            port="event-grid",
        )
        self._await(events)

    def _host_stand_in(self) -> Part:
        return self._part(
            "Functions host stand-in",
            "local.host",
            ["--app", str(PROJECT)],
            port="host",
            environment=self.environment,
            restarted=True,
        )

    def _core_tools_host(self) -> Part:
        port = self._options.ports.get("host") or _free_port()
        log = self._options.state / "logs" / "host.log"
        program = str(self._options.core_tools)
        host = CoreToolsHost(program, PROJECT, port, log=log, environment=self.environment)
        self._resources.callback(host.stop)
        self._restarts.append(Restarts(host))
        return host

    def _part(
        self,
        name: str,
        module: str,
        arguments: list[str],
        *,
        port: str,
        environment: Mapping[str, str] | None = None,
        restarted: bool = False,
    ) -> Part:
        number = str(self._options.ports.get(port, 0))
        log = self._options.state / "logs" / f"{port}.log"
        part = Part(name, module, [*arguments, "--port", number], log=log, environment=environment or {})
        self._resources.callback(part.stop)
        if restarted:
            self._restarts.append(Restarts(part))
        else:
            self._parts.append(part)
        return part

    def _await(self, part: Part) -> None:
        part.wait_ready()
        self._ready(part.name, part.url)

    def _ready(self, name: str, endpoint: str) -> None:
        self.endpoints[name] = endpoint
        self._say(name, endpoint)

    def _create_storage(self, connection: str) -> None:
        storage = connect_storage(StorageConnection(connection_string=connection), None)
        try:
            create_storage(storage)
        except AzureError as error:
            raise PartError(f"Azurite did not take the app's queues and tables ({type(error).__name__}).") from error


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run_until_signal(stack: Stack, *, ready: Callable[[], None]) -> None:
    """Starts a stack, says that it is ready, and keeps it until SIGINT or SIGTERM.

    Raises:
        AzuriteError: see Stack.start.
        PartError: see Stack.start and Stack.check.
    """
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, _: asked.append(signum))
    stack.start()
    try:
        ready()
        # No threading.Event: set by a signal handler while the main thread waits for it, it can hang for good.
        while not asked:
            stack.check()
            time.sleep(_CHECK_SECONDS)
    finally:
        stack.stop()
