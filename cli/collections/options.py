"""Options of the commands that take collection files."""

from pathlib import Path
from typing import Annotated

import typer

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", help="JSON or YAML.")]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Delete render options, mosaics and queryables that the file does not have.")
]
