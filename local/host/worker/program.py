"""The worker program: runs a function app with Microsoft's Python runtime, for a host at the other end of its pipes.

Frames come in on standard input and go out on standard output. What the app prints goes to standard error.
The worker ends when its standard input closes, so it never outlives its host.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
import types
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # The app's own folder must come first on the path, this file's folder must not be on it at all.
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import azure_functions_runtime as runtime
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native

from local.host.logs import text_handler
from local.host.worker.frames import Frame, FrameStream

_RUNTIME_LOGGER = "azure.functions"


class _Message:
    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


# The numbers of the enums in Azure's FunctionRpc.proto.
_SUCCESS = 1
_STATUS_NUMBERS = {"Failure": 0, "Success": _SUCCESS, "Cancelled": 2}
_BINDING_NUMBERS = {"in": 0, "out": 1, "inout": 2, "undefined": 0, "string": 1, "binary": 2, "stream": 3}

# The message classes that the runtime builds while it indexes; over gRPC they would be protobuf's.
_PROTOS = types.SimpleNamespace(
    StatusResult=type("StatusResult", (_Message,), _STATUS_NUMBERS),
    BindingInfo=type("BindingInfo", (_Message,), _BINDING_NUMBERS),
    **{
        name: type(name, (_Message,), {})
        for name in (
            "WorkerInitResponse",
            "WorkerMetadata",
            "RpcException",
            "RpcFunctionMetadata",
            "RpcRetryOptions",
            "FunctionMetadataResponse",
        )
    },
)


class Invocations:
    """Which function each running invocation belongs to; the log lines of the app are named after it."""

    def __init__(self) -> None:
        self._function_names: dict[str, str] = {}

    def started(self, invocation_id: str, function_name: str) -> None:
        """Remember a running invocation."""
        self._function_names[invocation_id] = function_name

    def ended(self, invocation_id: str) -> None:
        """Forget an invocation that has ended."""
        self._function_names.pop(invocation_id, None)

    def label(self, record: logging.LogRecord) -> bool:
        """A logging filter that adds category, function name and invocation id to a record."""
        invocation_id = runtime.invocation_id_cv.get()
        function_name = self._function_names.get(invocation_id or "")
        record.invocation_id = invocation_id
        record.function_name = function_name
        record.category = f"Function.{function_name}.User" if function_name else record.name
        return True


def load(app: Path) -> Frame:
    """Import and index the function app in a folder.

    Args:
        app: Folder of function_app.py.

    Returns:
        A frame of type `loaded` that lists the functions, or `load_error` with the runtime's message and stack.
    """
    init = types.SimpleNamespace(capabilities={}, function_app_directory=str(app))
    request = types.SimpleNamespace(
        request=types.SimpleNamespace(worker_init_request=init),
        properties={"host": "127.0.0.1", "protos": _PROTOS},
    )
    answer = asyncio.run(runtime.worker_init_request(request))
    if answer.result.status != _SUCCESS:
        error = answer.result.exception
        return Frame({"type": "load_error", "message": error.message, "stack": error.stack_trace})
    metadata = asyncio.run(runtime.functions_metadata_request(request))
    functions = [
        {
            "name": function.name,
            "id": function.function_id,
            "bindings": list(function.raw_bindings),
            "has_retry": function.retry_options is not None,
        }
        for function in metadata.function_metadata_results or []
    ]
    return Frame({"type": "loaded", "functions": functions})


async def invoke(header: dict[str, Any], body: bytes) -> Frame:
    """Run one invocation through the runtime.

    Args:
        header: The invocation's `id`, `function_id`, `parameter`, `data_type` and `metadata`.
        body: The trigger's data.

    Returns:
        A frame of type `result`.
    """
    data = body if header["data_type"] == "bytes" else body.decode()
    metadata = {name: Datum(value, kind) for name, (kind, value) in header["metadata"].items()}
    succeeded, _, _, error, stack = await invocation_request_native(
        header["id"], header["function_id"], [(header["parameter"], Datum(data, header["data_type"]))], metadata
    )
    return Frame({"type": "result", "id": header["id"], "succeeded": succeeded, "error": error, "stack": stack})


def serve(stream: FrameStream, invocations: Invocations) -> None:
    """Run the invocations that arrive, until the host closes the pipe; then the process ends at once."""
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def run(frame: Frame) -> None:
        invocations.started(frame.header["id"], frame.header["function_name"])
        try:
            stream.write(await invoke(frame.header, frame.body))
        finally:
            invocations.ended(frame.header["id"])

    def start(frame: Frame) -> None:
        task = loop.create_task(run(frame))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def read() -> None:
        while (frame := stream.read()) is not None:
            loop.call_soon_threadsafe(start, frame)
        # Functions that still run have lost their host; nothing of them may go on.
        os._exit(0)

    threading.Thread(target=read, name="frames", daemon=True).start()
    loop.run_forever()


def main() -> None:
    """Take over standard input and output as pipes to the host, load the app and serve."""
    # A Ctrl-C in the terminal reaches the worker too; the host decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stream = FrameStream(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device, not a path
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)

    hello = stream.read()
    if hello is None:
        return
    app = Path(hello.header["app"])
    invocations = Invocations()
    handler = text_handler(hello.header["log_levels"])
    handler.filters.insert(0, invocations.label)
    # As Azure's own worker does: what the root logger lets through is up to this setting, what shows to host.json.
    debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler])
    runtime_logger = logging.getLogger(_RUNTIME_LOGGER)
    runtime_logger.setLevel(logging.WARNING)
    # The host reports failed invocations itself, with their stack.
    runtime_logger.addFilter(lambda record: record.exc_info is None)

    sys.path[0] = str(app)
    answer = load(app)
    stream.write(answer)
    if answer.header["type"] == "loaded":
        runtime.start_threadpool_executor()
        serve(stream, invocations)


if __name__ == "__main__":
    main()
