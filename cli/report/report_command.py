"""`geocatalog report`: writes the page."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options.common import JsonOption
from cli.output.faults import CommandError
from cli.output.printing import say, write_json
from cli.report.facts import gather
from cli.report.page import write_page
from cli.settings.connection import connect


def report(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    as_json: JsonOption = False,
) -> None:
    """Write one self-contained page: footprints by state, counts over time, freshness, failures, sources.

    Example: geocatalog report -o report.html
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
