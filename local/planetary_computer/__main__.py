"""Run `python -m local.planetary_computer`."""

import argparse

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from local.planetary_computer.app import create_app
from local.planetary_computer.catalogue import Catalogue
from local.planetary_computer.scenes import SCENES
from local.planetary_computer.storage import open_container, upload_scenes
from local.stack.serve import serve

NAME = "Planetary Computer emulator"
SAS_LIFE_SECONDS = 3600.0


def main(argv: list[str] | None = None) -> None:
    """Upload the scenes, then serve them until SIGTERM or SIGINT.

    Args:
        argv: Command line arguments; by default those of the process.

    Raises:
        SystemExit: Storage does not answer or the address cannot be bound; the message says what to do.
    """
    arguments = _arguments(argv)
    container = _filled_container(arguments.storage) if arguments.storage else None
    app = create_app(Catalogue(container), sas_life=arguments.sas_life)
    serve(app, name=NAME, host=arguments.host, port=arguments.port)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.planetary_computer", description="Run the Planetary Computer emulator."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one")
    parser.add_argument(
        "--storage",
        metavar="CONNECTION_STRING",
        help="connection string of the storage account for the scenes; without it hrefs lead to Azure",
    )
    parser.add_argument(
        "--sas-life",
        type=_positive,
        default=SAS_LIFE_SECONDS,
        metavar="SECONDS",
        help="how long SAS tokens live (default: %(default)s)",
    )
    return parser.parse_args(argv)


def _filled_container(connection_string: str) -> ContainerClient:
    try:
        container = open_container(connection_string)
    except ValueError as error:
        raise SystemExit(f"{NAME}: --storage is no connection string with an account key ({error})") from None
    try:
        upload_scenes(container, SCENES)
    except AzureError as error:
        reason = str(error).partition("\n")[0]
        raise SystemExit(f"{NAME}: cannot store the scenes in {container.url} ({reason}); is it running?") from None
    return container


def _positive(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


if __name__ == "__main__":
    main()
