"""`geocatalog cancel`: asks for the end of operations, one by one, never of the whole catalogue."""

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from cli.options.common import JsonOption
from cli.output.faults import CommandError, ExitCode, usage_error
from cli.output.printing import note, say, write_json
from cli.settings.connection import connect
from shared.basics.errors import IngestionError
from shared.clients import Clients
from shared.stac.ids import check_collection_id


@dataclass(frozen=True)
class Canceled:
    """What became of the wish to cancel one operation.

    Attributes:
        operation_id: the operation.
        is_asked: whether GeoCatalog took the wish; the operation may still come to its end.
        reason: why not.
    """

    operation_id: str
    is_asked: bool
    reason: str = ""


def cancel(
    operations: Annotated[
        list[str] | None, typer.Argument(metavar="OPERATION", help="Ids of operations.", show_default=False)
    ] = None,
    *,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Every open operation of this collection.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, cancel none.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Cancel operations of GeoCatalog, one by one; never those of the whole catalogue.

    Example: geocatalog cancel --collection mine
    """
    if bool(operations) == (collection is not None):
        raise usage_error("Name operations by id, or give --collection; the whole catalogue is never canceled.")
    app = connect(needs_storage=collection is not None)
    operation_ids = operations or []
    if collection is not None:
        operation_ids = [row.operation_id for row in app.status.open_operations(check_collection_id(collection))]
    if not all(operation_ids):
        raise CommandError("An operation id is empty; nothing was canceled.", exit_code=ExitCode.USAGE)
    note(f"{len(operation_ids):,} operations are to be canceled.")
    done = [] if dry_run else [_cancel(operation_id, app) for operation_id in operation_ids]
    if as_json:
        listed = [Canceled(operation_id, is_asked=False) for operation_id in operation_ids] if dry_run else done
        write_json({"operations": [asdict(one) for one in listed], "dry_run": dry_run})
    elif dry_run:
        for operation_id in operation_ids:
            say(operation_id)
    else:
        say(f"Asked GeoCatalog to cancel {sum(one.is_asked for one in done):,}; some may still come to their end.")
    for one in done:
        if not one.is_asked:
            note(f"{one.operation_id}: {one.reason}")
    if not all(one.is_asked for one in done):
        raise typer.Exit(ExitCode.FAILED)


def _cancel(operation_id: str, app: Clients) -> Canceled:
    try:
        if app.geocatalog.cancel_operation(operation_id):
            return Canceled(operation_id, is_asked=True)
    except IngestionError as error:
        return Canceled(operation_id, is_asked=False, reason=error.message)
    return Canceled(operation_id, is_asked=False, reason="GeoCatalog does not know it.")
