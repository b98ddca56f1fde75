"""Run the emulator: `python -m local.geocatalog`."""

import argparse
import gc
import logging
import os
from pathlib import Path

from pydantic import ValidationError

from local.geocatalog.app import GeoCatalogEmulator
from local.geocatalog.catalog import DEFAULT_MANAGED_IDENTITY, AssetMode, Options
from local.geocatalog.decisions import DECISIONS_SETTING, Decisions
from local.stack.serve import TlsFiles, serve

# Garbage is looked for after this many new containers. The default of 700 comes up several times per posted item,
# which nearly all of the time makes no cycles.
_COLLECT_AFTER = 50_000

NAME = "GeoCatalog emulator"


def main() -> None:
    """Read the command line and serve until stopped.

    Raises:
        SystemExit: An argument is wrong, or the port is taken.
    """
    parser = argparse.ArgumentParser(
        prog="python -m local.geocatalog", description="A stand-in for a GeoCatalog on one machine."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to bind (default: a free one)")
    parser.add_argument(
        "--storage",
        metavar="CONNECTION_STRING",
        help="storage account that is the GeoCatalog's managed storage, such as one of Azurite",
    )
    parser.add_argument(
        "--assets",
        choices=[str(mode) for mode in AssetMode],
        default=str(AssetMode.COPY),
        help="copy each asset to managed storage (default), or trust addresses and read nothing",
    )
    parser.add_argument("--no-auth", action="store_true", help="take any bearer token, or none")
    parser.add_argument(
        "--managed-identity",
        action="append",
        metavar="OBJECT_ID",
        help=f"object id of an identity of the GeoCatalog; may be repeated (default {DEFAULT_MANAGED_IDENTITY})",
    )
    parser.add_argument(
        "--decisions",
        metavar="JSON",
        default=os.environ.get(DECISIONS_SETTING, "{}"),
        help="what is not known of the service, as a JSON object (default: the environment variable "
        f"{DECISIONS_SETTING}); docs/geocatalog-emulator.md lists the names and values",
    )
    parser.add_argument("--tls-certificate", metavar="FILE", type=Path, help="serve HTTPS with this certificate (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", type=Path, help="private key of the certificate (PEM)")
    arguments = parser.parse_args()
    if (arguments.tls_certificate is None) != (arguments.tls_key is None):
        parser.error("--tls-certificate and --tls-key go together: give both or neither.")
    tls = TlsFiles(arguments.tls_certificate, arguments.tls_key) if arguments.tls_key else None
    if arguments.storage is None and arguments.assets == AssetMode.COPY:
        parser.error("--assets copy needs --storage CONNECTION_STRING; or read nothing with --assets trust.")
    try:
        decisions = Decisions.model_validate_json(arguments.decisions)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'JSON'}: {one['msg']}" for one in error.errors())
        parser.error(f"--decisions (or {DECISIONS_SETTING}) is not valid: {faults}.")
    options = Options(
        storage=arguments.storage,
        assets=AssetMode(arguments.assets),
        check_tokens=not arguments.no_auth,
        managed_identities=tuple(arguments.managed_identity or [DEFAULT_MANAGED_IDENTITY]),
        decisions=decisions,
    )
    try:
        app = GeoCatalogEmulator(options)
    except ValueError as error:
        parser.error(f"--storage is not a usable connection string: {str(error).rstrip('.')}.")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What is loaded now stays; the collector need not look at it again and again.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    serve(app, name=NAME, host=arguments.host, port=arguments.port, tls=tls)


if __name__ == "__main__":
    main()
