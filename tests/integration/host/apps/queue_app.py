"""A sample app: what a message does is said in its body; what happened is recorded in a file."""

import asyncio
import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import azure.functions as func

app = func.FunctionApp()
_active = 0
_most_active = 0
_lock = threading.Lock()


def record(**values: Any) -> None:
    line = json.dumps({"time": time.time(), "pid": os.getpid(), **values})
    with Path(os.environ["RECORDS"]).open("a") as file:
        file.write(line + "\n")


def fail(_order: dict[str, Any]) -> None:
    raise ValueError("asked to fail")


def sleep(order: dict[str, Any]) -> None:
    time.sleep(order["seconds"])


def end_process(_order: dict[str, Any]) -> None:
    os._exit(7)


def log(order: dict[str, Any]) -> None:
    logger = logging.getLogger("sample")
    logger.debug("debug %s", order["text"])
    logger.info("information %s", order["text"])
    logger.warning("warning %s", order["text"])


def gather(order: dict[str, Any]) -> None:
    """Stay until so many have run at once, and record the number that do."""
    global _active, _most_active  # noqa: PLW0603 - counts the threads of this process
    with _lock:
        _active += 1
        _most_active = max(_most_active, _active)
    end = time.monotonic() + 20
    while _most_active < order["number"] and time.monotonic() < end:
        time.sleep(0.01)
    # Long enough for one more message to begin, if the host allowed it.
    time.sleep(0.5)
    record(event="gathered", active=_active)
    time.sleep(0.5)
    with _lock:
        _active -= 1


ORDERS = {"fail": fail, "sleep": sleep, "end process": end_process, "log": log, "gather": gather}


@app.queue_trigger(arg_name="msg", queue_name="%WORK_QUEUE%", connection="INGEST_STORAGE")
def work(msg: func.QueueMessage, context: func.Context) -> None:
    body = msg.get_body().decode()
    record(
        event="work",
        body=body,
        id=msg.id,
        dequeue_count=msg.dequeue_count,
        insertion_time=msg.insertion_time.isoformat() if msg.insertion_time else None,
        expiration_time=msg.expiration_time.isoformat() if msg.expiration_time else None,
        time_next_visible=msg.time_next_visible.isoformat() if msg.time_next_visible else None,
        pop_receipt=msg.pop_receipt,
        function=context.function_name,
        invocation=context.invocation_id,
    )
    try:
        order = json.loads(body)
    except ValueError:
        return
    if isinstance(order, dict) and order.get("do") in ORDERS and msg.dequeue_count <= order.get("deliveries", 99):
        ORDERS[order["do"]](order)
        record(event="done", body=body)


@app.queue_trigger(arg_name="msg", queue_name="%WORK_QUEUE%-poison", connection="INGEST_STORAGE")
async def record_poison(msg: func.QueueMessage) -> None:
    body = msg.get_body().decode()
    record(event="poison", body=body, id=msg.id, dequeue_count=msg.dequeue_count)
    if "fail again" in body:
        raise ValueError("asked to fail on the poison queue too")
    if "cancel" in body:
        raise asyncio.CancelledError


@app.queue_trigger(
    arg_name="msg", queue_name="%BINARY_QUEUE%", connection="INGEST_STORAGE", data_type=func.DataType.BINARY
)
def work_on_bytes(msg: func.QueueMessage) -> None:
    record(event="bytes", body=msg.get_body().hex(), id=msg.id)
