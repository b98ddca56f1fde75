"""How many requests a second of its own processor time the GeoCatalog emulator answers, and how its memory grows.

Benchmarks of the app are worth something only while the emulator is quicker than what it measures: at least 1,000 item
posts and 1,000 operation reads per second and core.

    .venv/bin/python -m bench.emulator_rate [ITEMS]
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psutil

from bench.items import body, collection, item
from bench.stack import bearer_token

CONNECTIONS = 32
READS = 20_000
Request = tuple[str, str, bytes]


class Client:
    """A client so lean that the emulator is what is measured."""

    def __init__(self, url: str, process: psutil.Process) -> None:
        parts = urlsplit(url)
        self._address = (str(parts.hostname), int(parts.port or 80))
        self._process = process
        self._head = (
            f"Host: {parts.netloc}\r\nAuthorization: Bearer {bearer_token()}\r\nContent-Type: application/json\r\n"
        )

    async def call(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: Request
    ) -> tuple[int, bytes]:
        """Sends one request and reads its answer."""
        reader, writer = streams
        method, path, body = request
        start = f"{method} {path}?api-version=2026-04-15 HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        writer.write(start.encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r")[0]) if b"content-length:" in head else 0
        return int(head[9:12]), await reader.readexactly(length)

    async def once(self, request: Request) -> tuple[int, bytes]:
        """Sends one request on a connection of its own."""
        return await self.call(await asyncio.open_connection(*self._address), request)

    async def run(self, label: str, count: int, make: Callable[[int], Request]) -> list[tuple[int, bytes]]:
        """Sends many requests over some connections and prints the rate."""
        numbers = itertools.count()
        answers: list[tuple[int, bytes]] = []

        async def worker() -> None:
            streams = await asyncio.open_connection(*self._address)
            while (number := next(numbers)) < count:
                answers.append(await self.call(streams, make(number)))
            streams[1].close()

        before, started = sum(self._process.cpu_times()[:2]), time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
        wall, cpu = time.perf_counter() - started, sum(self._process.cpu_times()[:2]) - before
        memory = self._process.memory_info().rss / 1e6
        print(f"{label:<16} {count / wall:8,.0f} per second {count / cpu:8,.0f} per CPU second {memory:6,.0f} MB")
        return answers


async def measure(client: Client, items: int) -> None:
    """Posts items in batches and reads their operations."""
    await client.once(("PUT", "/_emulator/behavior", b'{"ingest_seconds": [0, 0.5]}'))
    await client.once(("POST", "/stac/collections", body(collection())))
    while (await client.once(("GET", "/stac/collections/bench", b"")))[0] != 200:
        await asyncio.sleep(0.05)
    operations: list[str] = []
    for start in range(0, items, 10_000):
        posts = await client.run(
            f"posts from {start:,}",
            min(10_000, items - start),
            lambda number, start=start: (
                "POST",
                "/stac/collections/bench/items",
                body(item(f"scene-{start + number}")),
            ),  # type: ignore[misc]
        )
        assert {status for status, _ in posts} == {202}
        operations += [json.loads(answer)["id"] for _, answer in posts]
    reads = min(len(operations), READS)
    await client.run("operation reads", reads, lambda number: ("GET", f"/inma/operations/{operations[number]}", b""))


def main() -> None:
    """Starts the emulator, measures it, stops it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", nargs="?", type=int, default=10_000)
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "local.geocatalog", "--assets", "trust"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        try:
            asyncio.run(measure(Client(url, psutil.Process(process.pid)), arguments.items))
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
