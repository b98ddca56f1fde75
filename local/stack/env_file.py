"""The `env` file of a running stack: lines NAME=value that a shell can read and `geocatalog` reads by itself."""

import shlex
from collections.abc import Mapping
from pathlib import Path


def write_env(path: Path, environment: Mapping[str, str]) -> None:
    """Writes an env file; a value that a shell would split or expand is quoted.

    The file is put in place whole, readable by its owner only: it holds the keys of the local storage.
    """
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
