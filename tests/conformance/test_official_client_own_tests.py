"""The official client's own published tests, unchanged, pointed at the emulator."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

VERSION = "1.0.0"
PROJECT = Path(__file__).resolve().parents[2]
SHIM = Path(__file__).resolve().parent / "official_shim"

# The groups for what the emulator stands in: stac, ingestion, sas. The others are for the tiler.
FILES = {
    "test_planetary_computer_00_stac_collection.py": 25,
    "test_planetary_computer_01_ingestion_management.py": 19,
    "test_planetary_computer_02_stac_specification.py": 13,
    "test_planetary_computer_03_sas.py": 5,
    "test_planetary_computer_07_collection_lifecycle.py": 6,
}


@pytest.fixture(scope="session")
def published_tests(cache_folder: Path) -> Path:
    folder = cache_folder / f"azure_planetarycomputer-{VERSION}" / "tests"
    if not folder.is_dir():
        _download(cache_folder)
    return folder


def _download(folder: Path) -> None:
    archive = folder / f"azure_planetarycomputer-{VERSION}.tar.gz"
    if not archive.is_file():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        command += ["--dest", str(folder), f"azure-planetarycomputer=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        if not archive.is_file():
            pytest.fail(
                f"The source distribution of azure-planetarycomputer {VERSION} could not be downloaded; is the "
                f"package registry reachable? pip said:\n{done.stderr[-1500:]}",
                pytrace=False,
            )
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


def test_the_official_clients_own_tests_pass(
    endpoint: str, catalog_url: str, published_tests: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\naddopts = -ra -p no:cacheprovider --maxfail=5 --timeout=60\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SHIM), str(PROJECT)]),
        "PLANETARYCOMPUTER_ENDPOINT": endpoint,
        "PLANETARYCOMPUTER_COLLECTION_ID": "naip",
        "AZURE_INGESTION_CATALOG_URL": catalog_url,
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(settings), "--rootdir", str(published_tests), *FILES],
        cwd=published_tests,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    outcome = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr
    passed = re.search(r"(\d+) passed", outcome)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert passed is not None
    assert int(passed[1]) == sum(FILES.values()), outcome
    assert "skipped" not in outcome
