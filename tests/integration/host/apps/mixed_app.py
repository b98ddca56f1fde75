"""A sample app of three functions, of which the host stand-in runs one."""

import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


@app.route("hello")
def hello(req: func.HttpRequest) -> str:  # noqa: ARG001 - the runtime wants the name
    return "hello"


@app.queue_trigger(arg_name="msg", queue_name="%WORK_QUEUE%", connection="INGEST_STORAGE")
def supported(msg: func.QueueMessage) -> None:
    Path(os.environ["RECORDS"]).write_text(json.dumps({"body": msg.get_body().decode()}) + "\n")


@app.queue_trigger(arg_name="a_b", queue_name="%WORK_QUEUE%", connection="INGEST_STORAGE")
def misnamed(a_b: func.QueueMessage) -> None:  # noqa: ARG001 - the runtime wants the name
    raise AssertionError("never called")
