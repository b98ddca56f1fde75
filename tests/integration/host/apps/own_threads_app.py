"""A sample app whose functions use the project's own threads: what a message does is said in its body."""

import asyncio
import logging
import sys
from datetime import datetime
from threading import Event
from typing import Any

import azure.functions as func
from azure_functions_runtime import invocation_id_cv

from functions.triggers import BODY, CONNECTION, run_message, run_timer
from tests.integration.host.apps.queue_app import gather, record

app = func.FunctionApp()
_never = Event()


@app.queue_trigger(arg_name="message", queue_name="%WORK_QUEUE%", connection=CONNECTION, data_type=BODY)
async def work(message: func.QueueMessage, context: func.Context) -> None:
    await run_message(lambda body, at: do(body, at, context), message, context)


@app.timer_trigger(arg_name="timer", schedule="* * * * * *", use_monitor=False)
async def tick(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the trigger's own
    await run_timer(lambda _app: record(event="tick"), "* * * * * *", context)


def do(body: bytes, _enqueued_at: datetime, context: func.Context) -> None:
    order = body.decode()
    of_thread: Any = context.thread_local_storage
    record(
        event="work",
        body=order,
        invocation=context.invocation_id,
        context=invocation_id_cv.get(),
        thread_local=of_thread.invocation_id,
    )
    logging.getLogger("sample").info("order %s", order)
    match order.partition(" "):
        case ("gather", _, _):
            gather({"number": 32})
        case ("cancel", _, _):
            raise asyncio.CancelledError("cancelled by the test")
        case ("exit", _, _):
            sys.exit("ended by the test")
        case ("stop", _, _):
            raise StopIteration("stopped by the test")
        case ("hang", _, _):
            _never.wait(3600)
    record(event="done", body=order)
