"""A sample app of blob triggers that record what they receive in a file."""

import json
import os
from pathlib import Path

import azure.functions as func
from azure.functions.blob import InputStream

app = func.FunctionApp()


def record(function: str, blob: InputStream) -> None:
    document = {
        "function": function,
        "name": blob.name,
        "uri": blob.uri,
        "length": blob.length,
        "properties": blob.blob_properties,
        "metadata": blob.metadata,
        "content": blob.read().hex(),
    }
    with Path(os.environ["RECORDS"]).open("a") as file:
        file.write(json.dumps(document) + "\n")


@app.blob_trigger(
    arg_name="blob",
    path="incoming/{name}.{extension}",
    connection="INGEST_STORAGE",
    source=func.BlobSource.EVENT_GRID,
    data_type=func.DataType.BINARY,
)
def as_bytes(blob: InputStream) -> None:
    record("as_bytes", blob)


@app.blob_trigger(
    arg_name="blob", path="incoming/{name}", connection="INGEST_STORAGE", source=func.BlobSource.EVENT_GRID
)
def as_text(blob: InputStream) -> None:
    record("as_text", blob)


@app.blob_trigger(
    arg_name="blob", path="incoming/{name}", connection="INGEST_STORAGE", source=func.BlobSource.EVENT_GRID
)
def failing(blob: InputStream) -> None:
    record("failing", blob)
    raise ValueError("asked to fail")
