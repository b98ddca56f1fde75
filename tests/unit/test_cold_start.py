"""What an instance loads before its first call: the triggers, and nothing of what they do."""

import subprocess
import sys

import pytest

# What only some functions need, or none in Azure: each costs tens of milliseconds of every cold start.
LATER = [
    *("azure.core", "azure.data", "azure.identity", "azure.storage", "cryptography", "requests", "urllib3"),
    *("pydantic", "jsonschema", "jsonschema_rs", "pystac", "opentelemetry"),
    *("shared.clients", "shared.messages.models", "shared.settings"),
    *("cli", "local", "rich", "typer", "starlette", "uvicorn"),
]
# What an item needs in no case; pystac migrates items older than STAC 1.0.
NOT_FOR_ITEMS = [
    *("azure.identity", "pystac", "jsonschema", "cli", "local"),
    *(
        "shared.collections.configure",
        "shared.sources.renewal",
        "shared.operations.tracking",
        "shared.collections.deletions_queue",
        "shared.delivery.poison",
    ),
]


def modules_after(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and give the modules that are loaded then."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(loaded.stdout.split())


@pytest.fixture(scope="module")
def at_start() -> set[str]:
    return modules_after("import function_app")


@pytest.fixture(scope="module")
def at_first_item() -> set[str]:
    return modules_after("import function_app, shared.clients, shared.items.ingestion")


def test_the_app_was_loaded(at_start: set[str]) -> None:
    assert {"azure.functions", "functions.ingest_item", "functions.track_operations"} <= at_start


@pytest.mark.parametrize("module", LATER)
def test_is_left_to_the_first_call(at_start: set[str], module: str) -> None:
    assert module not in at_start


@pytest.mark.parametrize("module", NOT_FOR_ITEMS)
def test_is_not_loaded_for_items(at_first_item: set[str], module: str) -> None:
    assert module not in at_first_item
