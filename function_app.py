"""The Function App: assembled from the blueprints of functions/."""

import logging

import azure.functions as func

from functions import (
    configure_collection,
    delete_item,
    follow_feeds,
    ingest_item,
    receive_blob,
    record_poison,
    remove_expired,
    renew_sources,
    track_operations,
)
from shared import telemetry

# The SDKs log every request and its headers at INFO, which buries the app's own lines.
logging.getLogger("azure").setLevel(logging.WARNING)

telemetry.start()

app = func.FunctionApp()
for module in (
    ingest_item,
    track_operations,
    renew_sources,
    configure_collection,
    delete_item,
    follow_feeds,
    receive_blob,
    record_poison,
    remove_expired,
):
    app.register_functions(module.bp)
