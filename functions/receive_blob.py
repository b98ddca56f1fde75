"""Container `incoming`: sends the URL of a dropped blob to queue `items`."""

import azure.functions as func

from functions.triggers import BODY, CONNECTION, reports_failures

bp = func.Blueprint()


@bp.blob_trigger(
    arg_name="blob",
    path="incoming/{name}",
    connection=CONNECTION,
    source=func.BlobSource.EVENT_GRID,
    data_type=BODY,
)
@reports_failures
def receive_blob(blob: func.InputStream) -> None:
    """Sends one dropped blob on; only its name is taken here."""
    from shared.clients import get_clients
    from shared.delivery.blob_events import receive_blob as send_blob

    send_blob(str(blob.name).partition("/")[2], get_clients())
