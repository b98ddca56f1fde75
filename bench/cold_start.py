"""Processor time of imports in a fresh interpreter: before the first call, with the first item, and were all eager."""

import subprocess
import sys

from bench.report import Goal, Section

_RUNS = 5
_PROGRAMS = {
    "Python and azure-functions alone": "import azure.functions",
    "the app, until it is indexed": "import function_app",
    "the app, with the first item": "import function_app, shared.clients, shared.items.ingestion",
    "everything at the start, were imports not left to the first call": (
        "import function_app, pkgutil, importlib, shared\n"
        "for module in pkgutil.iter_modules(shared.__path__): importlib.import_module('shared.' + module.name)\n"
        "import pystac, azure.identity"
    ),
}


def measure(scale: float) -> Section:
    """Takes the least of five runs at full size: whatever else the machine does only adds to it."""
    runs = max(int(_RUNS * scale), 2)
    found = {name: min(_milliseconds(program) for _ in range(runs)) for name, program in _PROGRAMS.items()}
    alone, indexed, _, everything = found.values()
    return Section(
        ["", "ms of processor time", "of everything"],
        [[name, f"{value:.0f}", f"{value / everything:.0%}"] for name, value in found.items()],
        [
            Goal(
                "Indexing costs little beyond azure-functions itself",
                f"{indexed / alone:.2f} times",
                indexed <= alone * 1.25,
            )
        ],
    )


def _milliseconds(program: str) -> float:
    measured = f"{program}\nimport time\nprint(time.process_time() * 1000)"
    ended = subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True, timeout=120)
    return float(ended.stdout)
