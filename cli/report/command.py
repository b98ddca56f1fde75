"""Runs `geocatalog report`."""

from pathlib import Path

from cli.connection import connect
from cli.output.faults import CommandError
from cli.output.printing import say, write_json
from cli.report.facts import gather
from cli.report.page import write_page


def run(output: Path, *, as_json: bool) -> None:
    """Writes the page.

    Raises:
        CommandError: it cannot be written.
        azure.core.exceptions.AzureError: the storage could not be reached or refused.
    """
    facts = gather(connect(needs_geocatalog=False))
    try:
        output.write_text(write_page(facts), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}; give another with --output.") from None
    if as_json:
        write_json({"output": str(output), "items": sum(facts.overview.totals.values())})
    else:
        say(f"Written to {output}; open it in a browser.")
