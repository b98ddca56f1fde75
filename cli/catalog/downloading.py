"""`geocatalog download`: asset files of items, in parallel, each complete or not there."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from urllib3.util.retry import Retry

from shared.http.sessions import plain_session

_TIMEOUT = (5, 60)
_CHUNK = 1024 * 1024
_WIDTH = 8
# Reads may simply be repeated; a SAS that is seconds old can be refused at first, hence 403.
_RETRIES = Retry(total=4, backoff_factor=0.5, status_forcelist=(403, 429, 500, 502, 503, 504), raise_on_status=False)
_UNSAFE = re.compile(r"[^A-Za-z0-9._+(),-]")


@dataclass(frozen=True)
class Asset:
    """One file to download.

    Attributes:
        item_id: id of the item.
        key: key of the asset.
        href: its signed URL.
        target: where it goes.
    """

    item_id: str
    key: str
    href: str
    target: Path


@dataclass(frozen=True)
class Fetched:
    """What became of one file.

    Attributes:
        asset: the file.
        size: its bytes on disk.
        was_there: whether it had been downloaded before.
        fault: why it is not there, in a sentence; empty where it is.
    """

    asset: Asset
    size: int = 0
    was_there: bool = False
    fault: str = ""


def assets_of(items: Iterable[dict[str, Any]], wanted: set[str], folder: Path) -> Iterator[Asset]:
    """Lists the files of items.

    Args:
        items: STAC Items with signed hrefs.
        wanted: keys of assets; empty for all.
        folder: where they go, one folder per item.
    """
    for item in items:
        taken: set[str] = set()
        for key, asset in item.get("assets", {}).items():
            href = str(asset.get("href", ""))
            if (wanted and key not in wanted) or not href.startswith(("https://", "http://")):
                continue
            name = _UNSAFE.sub("_", unquote(urlsplit(href).path).rpartition("/")[2]).lstrip(".") or key
            if name in taken:
                name = f"{_UNSAFE.sub('_', key)}-{name}"
            taken.add(name)
            place = folder / _UNSAFE.sub("_", str(item["id"])) / name
            yield Asset(str(item["id"]), key, href, place)


def download(assets: list[Asset], *, told: Callable[[int], None]) -> list[Fetched]:
    """Downloads files, several at once; one that is there already in the right size stays.

    Args:
        assets: the files.
        told: told how many more bytes have come, on any thread.

    Returns:
        What became of each, in their order.
    """
    session = plain_session(retries=_RETRIES)
    stopped = threading.Event()
    with ThreadPoolExecutor(_WIDTH) as executor:
        try:
            return list(executor.map(lambda asset: _fetch(asset, session, told, stopped), assets))
        except KeyboardInterrupt:
            stopped.set()
            raise


def _fetch(asset: Asset, session: requests.Session, told: Callable[[int], None], stopped: threading.Event) -> Fetched:
    if stopped.is_set():
        return Fetched(asset, fault="It was interrupted; run the command again.")
    try:
        return _stream(asset, session, told, stopped)
    except requests.RequestException as error:
        host = urlsplit(asset.href).netloc
        return Fetched(asset, fault=f"{host} did not answer ({type(error).__name__}); run the command again.")
    except OSError as error:
        return Fetched(asset, fault=f"{asset.target} cannot be written: {error.strerror}.")


def _stream(asset: Asset, session: requests.Session, told: Callable[[int], None], stopped: threading.Event) -> Fetched:
    with session.get(asset.href, stream=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as response:
        if not response.ok:
            where = asset.href.partition("?")[0]
            return Fetched(asset, fault=f"{where} answered {response.status_code}; is the asset still there?")
        length = response.headers.get("Content-Length", "")
        # The item's own file:size is not believed: GeoCatalog may have converted the file since.
        expected = int(length) if length.isdigit() else None
        if expected is not None and asset.target.is_file() and asset.target.stat().st_size == expected:
            told(expected)
            return Fetched(asset, expected, was_there=True)
        asset.target.parent.mkdir(parents=True, exist_ok=True)
        partial = asset.target.with_name(asset.target.name + ".part")
        written = 0
        with partial.open("wb") as file:
            for chunk in response.iter_content(_CHUNK):
                if stopped.is_set():
                    return Fetched(asset, fault="It was interrupted; run the command again.")
                file.write(chunk)
                written += len(chunk)
                told(len(chunk))
    if expected is not None and written != expected:
        partial.unlink(missing_ok=True)
        return Fetched(asset, fault=f"{written:,} bytes of {expected:,} came; run the command again.")
    partial.replace(asset.target)
    return Fetched(asset, written)
