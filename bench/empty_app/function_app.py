"""A function that does nothing: what remains is what the host and the Python runtime cost for each message."""

import azure.functions as func

app = func.FunctionApp()


@app.queue_trigger(arg_name="message", queue_name="items", connection="INGEST_STORAGE", data_type=func.DataType.BINARY)
def do_nothing(message: func.QueueMessage) -> None:
    """Takes the message's body, as any function does."""
    message.get_body()
