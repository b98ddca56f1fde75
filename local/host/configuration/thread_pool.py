"""How many threads of the worker run `def` functions; `async def` functions run on its event loop and need none."""

import os

from local.host.configuration.app_settings import AppSettings
from local.host.faults import HostFault

_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"
# What the Functions host puts into the environment of each worker that it starts itself
# (DefaultWorkerProcessFactory.ApplyWorkerConcurrencyLimits).
_OF_HOST = 1000
# Python's own default, which a worker has that was started as a placeholder (concurrent.futures.ThreadPoolExecutor).
_CORES_AND = 4
_MOST_BY_CORES = 32

#: The choice that stands for a worker that was started as a placeholder and given the app afterwards.
BY_CORES = "cores+4"


class ThreadPool:
    """The width of the worker's thread pool."""

    def __init__(self, choice: str | None, settings: AppSettings) -> None:
        """Read the choice.

        Args:
            choice: `cores+4` for a worker that began as a placeholder, on Python 3.13 or newer: it ignores
                PYTHON_THREADPOOL_THREAD_COUNT until it is restarted. A number of threads for all workers. None for a
                worker that the host starts itself: PYTHON_THREADPOOL_THREAD_COUNT, or 1000 without it.
            settings: The app's settings.

        Raises:
            HostFault: The choice is neither.
        """
        if choice is not None and choice != BY_CORES and not (choice.isdecimal() and int(choice) > 0):
            raise HostFault(
                f"{choice!r} is no width of the thread pool (--threads or LOCAL_HOST_THREADS): "
                f"write {BY_CORES} or a number of threads, 1 or more."
            )
        self._choice = choice
        self._configured = settings.get(_SETTING) or str(_OF_HOST)

    def environment(self, *, restarted: bool) -> dict[str, str]:
        """Return what a worker finds in its environment.

        Args:
            restarted: Whether the worker replaces one that ended; the host starts such a worker itself.
        """
        if self._choice is None or (self._choice == BY_CORES and restarted):
            return {_SETTING: self._configured}
        if self._choice == BY_CORES:
            return {_SETTING: str(min(_MOST_BY_CORES, (os.cpu_count() or 1) + _CORES_AND))}
        return {_SETTING: self._choice}
