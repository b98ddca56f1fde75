"""`python -m local.host`: run the function app of a folder."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from local.host.configuration.app_settings import load_app_settings
from local.host.configuration.host_json import load_host_json
from local.host.configuration.options import load_options
from local.host.faults import HostFault
from local.host.host import Host, check_host_storage
from local.host.logs import text_handler
from local.host.web import create_app
from local.stack.serve import serve

_NAME = "host stand-in"


def main() -> None:
    """Read the arguments, load the app and serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--app", type=Path, default=Path.cwd(), help="folder of function_app.py (default: this one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument(
        "--threads",
        metavar="COUNT",
        help="threads of the worker: a number, or cores+4 as after a placeholder start "
        "(default: PYTHON_THREADPOOL_THREAD_COUNT, else 1000)",
    )
    parser.add_argument(
        "--skip-unsupported",
        action="store_true",
        help="leave out functions whose bindings only the real host runs, such as HTTP, instead of ending",
    )
    arguments = parser.parse_args()
    options = {"LOCAL_HOST_THREADS": arguments.threads} if arguments.threads else {}
    if arguments.skip_unsupported:
        options["LOCAL_HOST_SKIP_UNSUPPORTED"] = "true"
    try:
        host = _load(arguments.app.resolve(), {**os.environ, **options})
    except HostFault as fault:
        sys.exit(f"{_NAME}: {fault}")
    except KeyboardInterrupt:
        sys.exit(f"{_NAME}: stopped while it loaded the app.")
    try:
        serve(create_app(host), name=_NAME, host=arguments.host, port=arguments.port)
    finally:
        host.worker.stop()
    if host.stop_reason is not None:
        # The last line says why; the exit code is 0, as that of the Functions host.
        sys.stderr.write(f"{_NAME} stopped by itself: {host.stop_reason}\n")


def _shut_down() -> None:
    # The server ends on this signal, and stops the host on its way.
    os.kill(os.getpid(), signal.SIGTERM)


def _load(app: Path, environment: Mapping[str, str]) -> Host:
    if not (app / "function_app.py").exists():
        raise HostFault(
            f"There is no function_app.py in {app}: start in the folder of a function app or name it with --app."
        )
    settings = load_app_settings(app, environment)
    host_json = load_host_json(app, settings)
    logging.basicConfig(level=logging.DEBUG, handlers=[text_handler(host_json.log_levels)])
    # The host's own calls to storage are not the app's business.
    for noisy in ("azure", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    host = Host(app, settings, host_json, load_options(settings), shut_down=_shut_down)
    check_host_storage(host.connections)
    host.load()
    return host


if __name__ == "__main__":
    main()
