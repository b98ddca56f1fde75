"""A sample app that uses both the app's connection and the host's own storage."""

import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


def record(**values: object) -> None:
    with Path(os.environ["RECORDS"]).open("a") as file:
        file.write(json.dumps(values) + "\n")


@app.queue_trigger(arg_name="msg", queue_name="%WORK_QUEUE%", connection="INGEST_STORAGE")
def work(msg: func.QueueMessage) -> None:
    record(function="work", body=msg.get_body().decode())


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def every_second(timer: func.TimerRequest) -> None:
    record(function="every_second", past_due=timer.past_due)
