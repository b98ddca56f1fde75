"""`geocatalog resume`: tries held and waiting items again at once."""

from azure.core.exceptions import AzureError

from cli.options.common import CollectionsArgument, JsonOption, listed
from cli.output.printing import Bar, note, say, write_json
from cli.settings.connection import connect
from shared.items.resume import resume_held
from shared.records.status_rows import ItemStatus


def resume(collections: CollectionsArgument = None, *, as_json: JsonOption = False) -> None:
    """Try held and waiting items again at once, after what stopped them has been fixed.

    Example: geocatalog resume mine
    """
    app = connect(needs_geocatalog=False)
    wanted: list[str | None] = [*listed(collections)] or [None]
    resumed = 0
    try:
        with Bar("Resuming", unit="items") as bar:
            for collection in wanted:
                for sent in resume_held(app, collection=collection, states=(ItemStatus.HELD, ItemStatus.WAITING)):
                    resumed += sent
                    bar.counted(resumed)
    except (KeyboardInterrupt, AzureError):
        note(f"{resumed:,} items were resumed. It ended early. Run the same command again for the rest.")
        raise
    if as_json:
        write_json({"resumed": resumed})
    else:
        say(f"Resumed {resumed:,} items.")
