"""Where the command takes its settings from: the environment, and the env file of a local stack."""

import os
import shlex
from pathlib import Path

from cli.output.faults import usage_error

# What `geocatalog local up` writes.
LOCAL_ENV = Path(".local") / "env"

_ENOUGH = ("GEOCATALOG_URL", "INGEST_STORAGE", "INGEST_STORAGE__queueServiceUri")


def load_environment(env_file: Path | None) -> None:
    """Puts the settings of an env file into the environment; a variable that is set already wins.

    Args:
        env_file: lines NAME=value, quoted as for a shell. None: `.local/env`, if it exists and the environment names
            neither a GeoCatalog nor an ingestion storage.

    Raises:
        CommandError: the file cannot be read, or a line of it is not NAME=value.
    """
    if env_file is None:
        if any(os.environ.get(name) for name in _ENOUGH) or not LOCAL_ENV.is_file():
            return
        env_file = LOCAL_ENV
    for name, value in read_env_file(env_file).items():
        os.environ.setdefault(name, value)


def read_env_file(path: Path) -> dict[str, str]:
    """Reads an env file.

    Args:
        path: a file of lines NAME=value, quoted as for a shell; `#` starts a comment, `export` may stand in front.

    Raises:
        CommandError: it cannot be read, or a line is not NAME=value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise usage_error(f"The env file {path} cannot be read: {reason}; give another with --env-file.") from None
    settings: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = [line]
        if words[:1] == ["export"]:
            words = words[1:]
        if not words:
            continue
        name, separator, value = " ".join(words).partition("=")
        if not separator or not name.isidentifier():
            raise usage_error(f"Line {number} of the env file {path} is not NAME=value; fix the line.")
        settings[name] = value
    return settings
