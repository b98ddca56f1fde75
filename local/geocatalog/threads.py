"""A bounded pool of threads for calls that block: storage and HTTP."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

# Azurite is one Node.js process: more calls at a time than this only wait there instead of here.
_WORKERS = 16

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Threads:
    """The emulator's threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="geocatalog")

    async def run(
        self, call: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        """Make a blocking call in a thread and give its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: call(*arguments, **named))

    def stop(self) -> None:
        """Let no more calls in; those that wait are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
