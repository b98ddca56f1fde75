"""Reads files of ids, one a line."""

import sys
from pathlib import Path

from cli.output.faults import usage_error


def read_ids(path: Path) -> list[str]:
    """Reads ids, one a line; empty lines and lines that start with `#` are passed over.

    Args:
        path: the file; `-` for standard input.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise usage_error(f"The file of ids {path} cannot be read: {reason}.") from None
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
