"""A sample app of timers that record their runs in a file."""

import json
import os
import time
from pathlib import Path

import azure.functions as func
from azure.functions.timer import TimerRequest

app = func.FunctionApp()


def record(function: str, request: TimerRequest, began: float) -> None:
    document = {
        "function": function,
        "began": began,
        "ended": time.time(),
        "past_due": request.past_due,
        "status": request.schedule_status,
        "schedule": request.schedule,
    }
    with Path(os.environ["RECORDS"]).open("a") as file:
        file.write(json.dumps(document) + "\n")


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def every_second(timer: TimerRequest) -> None:
    began = time.time()
    time.sleep(float(os.environ.get("EVERY_SECOND_TAKES", "0")))
    record("every_second", timer, began)


@app.timer_trigger(arg_name="timer", schedule="%NIGHTLY%")
def nightly(timer: TimerRequest) -> None:
    record("nightly", timer, time.time())


@app.timer_trigger(arg_name="timer", schedule="%NIGHTLY%")
def new(timer: TimerRequest) -> None:
    record("new", timer, time.time())


@app.timer_trigger(arg_name="timer", schedule="%NIGHTLY%")
def rescheduled(timer: TimerRequest) -> None:
    record("rescheduled", timer, time.time())


@app.timer_trigger(arg_name="timer", schedule="0 30 12 24 12 *", run_on_startup=True, use_monitor=False)
def on_startup(timer: TimerRequest) -> None:
    record("on_startup", timer, time.time())


@app.timer_trigger(arg_name="timer", schedule="%BROKEN_SCHEDULE%")
def broken(timer: TimerRequest) -> None:
    record("broken", timer, time.time())
