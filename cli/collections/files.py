"""Reads configuration files: messages of queue `collections` as JSON or YAML, or STAC Collections."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.output.faults import CommandError, usage_error
from shared.basics.json_codec import read_json
from shared.messages.decoding import BOM
from shared.messages.models import (
    DEFINITION_SOURCES,
)
from shared.stac.collections import is_collection

_YAML = frozenset({".yaml", ".yml"})
ENDINGS = frozenset({".json"}) | _YAML
# The Planetary Computer's own file with the render configuration of the collection beside it.
_PLANETARY_COMPUTER_FILE = "config.json"
_PLANETARY_COMPUTER_KEYS = frozenset({"mosaic_info", "render_config"})


class FileFault(CommandError):
    """A file cannot be read as a configuration.

    Args:
        path: the file.
        place: where in it, such as `line 3`; may be empty.
        fault: what is wrong and how to fix it, in a sentence.
    """

    def __init__(self, path: Path, place: str, fault: str) -> None:
        super().__init__(f"{path}: {f'{place}: ' if place else ''}{fault}")
        self.path = path
        self.place = place
        self.fault = fault


@dataclass(frozen=True)
class ConfigurationFile:
    """One configuration.

    Attributes:
        path: the file it was read from.
        message: the fields of its message, with the files it names read in.
        beside: other files it was joined with.
    """

    path: Path
    message: dict[str, Any]
    beside: tuple[Path, ...] = ()


def read_configurations(paths: list[Path]) -> list[ConfigurationFile]:
    """Reads the configurations that files and folders hold.

    Args:
        paths: files, or folders to look through at any depth.

    Raises:
        CommandError: a path does not exist, files cannot be read (each is named), or there is no configuration at all.
    """
    found: list[ConfigurationFile] = []
    faults: list[FileFault] = []
    for file in (file for path in paths for file in files_of(path, ENDINGS)):
        try:
            configuration = read_configuration(file, is_named=file in paths)
        except FileFault as fault:
            faults.append(fault)
            continue
        if configuration:
            found.append(configuration)
    if faults:
        raise CommandError("\n".join(fault.message for fault in faults), exit_code=faults[0].exit_code)
    if not found:
        raise CommandError(f"There is no collection configuration in {', '.join(map(str, paths))}.")
    return found


def files_of(path: Path, endings: frozenset[str]) -> Iterator[Path]:
    """Yields a file, or the files of a folder at any depth, in a stable order.

    Raises:
        CommandError: there is no such file or folder.
    """
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in endings and file.is_file())
    elif path.is_file():
        yield path
    else:
        raise usage_error(f"There is no file or folder {path}; check the path.")


def read_configuration(file: Path, *, is_named: bool) -> ConfigurationFile | None:
    """Reads the configuration of a file; None for a file of a folder that holds something else.

    Args:
        file: the file.
        is_named: whether it was named itself, so that it must hold a configuration.

    Raises:
        FileFault: it cannot be read, or is named and holds no object.
    """
    value = load(file)
    if not isinstance(value, dict):
        if not is_named:
            return None
        raise FileFault(file, "", "It holds no object; a configuration is a message of queue collections.")
    is_configuration = is_collection(value) or ("type" not in value and not value.keys().isdisjoint(DEFINITION_SOURCES))
    return configuration_of(file, value) if is_configuration or is_named else None


def is_companion(file: Path, value: object) -> bool:
    """Tells whether a file is the Planetary Computer's `config.json`, which is read with the collection beside it."""
    return (
        file.name == _PLANETARY_COMPUTER_FILE
        and isinstance(value, dict)
        and not value.keys().isdisjoint(_PLANETARY_COMPUTER_KEYS)
    )


def load(path: Path) -> Any:  # noqa: ANN401 - JSON is any value
    """Reads a file that holds JSON or YAML.

    Raises:
        FileFault: it cannot be read, or is neither.
    """
    try:
        content = path.read_bytes().removeprefix(BOM)
    except OSError as error:
        raise FileFault(path, "", f"It cannot be read: {error.strerror}.") from None
    if not content.strip():
        raise FileFault(path, "", "It is empty; a configuration is a message of queue collections.")
    if path.suffix.lower() in _YAML:
        return _read_yaml(path, content)
    try:
        return read_json(content)
    except ValueError as error:
        raise FileFault(path, "", f"It is not JSON: {error}.") from None


def load_object(path: Path) -> dict[str, Any] | None:
    """Reads a file that may hold a JSON or YAML object; None where it holds something else."""
    try:
        value = load(path)
    except FileFault:
        return None
    return value if isinstance(value, dict) else None


def _read_yaml(path: Path, content: bytes) -> Any:  # noqa: ANN401 - YAML is any value
    import yaml  # noqa: PLC0415 - only YAML files need it

    try:
        return _as_json(yaml.safe_load(content))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}" if mark else ""
        said = ", ".join(filter(None, (error.context, error.problem)))
        raise FileFault(path, place, f"It is not YAML: {said}.") from None
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: a date that there is not, such as 2024-02-30.
        raise FileFault(path, "", f"It is not YAML: {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise FileFault(path, "", "It is nested too deep.") from None


def _as_json(value: Any) -> Any:  # noqa: ANN401
    """Returns what YAML read as JSON types: it reads timestamps as dates, and keys of any type."""
    if isinstance(value, dict):
        return {str(key): _as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_json(inner) for inner in value]
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return text.replace("+00:00", "Z")
    return value


def configuration_of(path: Path, fields: dict[str, Any]) -> ConfigurationFile:
    """Makes the message of a file.

    A STAC Collection alone is taken as the definition, together with a Planetary Computer `config.json` beside it. A
    path to a file beside it, as thumbnail or href, is replaced by what that file holds.

    Raises:
        FileFault: a file it names cannot be read.
    """
    beside: list[Path] = []
    if is_collection(fields) or "type" in fields:  # a message has no type: it is a STAC document of another kind
        message: dict[str, Any] = {"definition": fields}
        companion = path.parent / _PLANETARY_COMPUTER_FILE
        extra = load_object(companion) if companion != path and companion.is_file() else None
        if extra and is_companion(companion, extra):
            message |= {key: extra[key] for key in sorted(_PLANETARY_COMPUTER_KEYS & extra.keys()) if extra[key]}
            beside.append(companion)
        thumbnail = _own_thumbnail(path, fields)
        if thumbnail:
            message["thumbnail"] = {"data": _base64(thumbnail)}
            beside.append(thumbnail)
    else:
        message = dict(fields)
        _take_in(path, message, beside)
    return ConfigurationFile(path, message, tuple(beside))


def _own_thumbnail(path: Path, definition: dict[str, Any]) -> Path | None:
    assets = definition.get("assets")
    thumbnail = assets.get("thumbnail") if isinstance(assets, dict) else None
    href = thumbnail.get("href") if isinstance(thumbnail, dict) else None
    return _file_beside(path, href)


def _file_beside(path: Path, href: object) -> Path | None:
    if not isinstance(href, str) or not href or "://" in href:
        return None
    file = path.parent / href
    return file if file.is_file() else None


def _take_in(path: Path, message: dict[str, Any], beside: list[Path]) -> None:
    thumbnail = message.get("thumbnail")
    if isinstance(thumbnail, str):  # a person writes the path or URL alone
        thumbnail = message["thumbnail"] = {"href": thumbnail}
    for place, href, replace in (
        ("thumbnail", thumbnail.get("href") if isinstance(thumbnail, dict) else None, _set_thumbnail),
        ("href", message.get("href"), _set_definition),
    ):
        if not isinstance(href, str) or "://" in href:
            continue
        file = _file_beside(path, href)
        if file is None:
            raise FileFault(path, place, f"It names {href}, and there is no such file beside it; give a path or a URL.")
        replace(message, file)
        beside.append(file)


def _set_thumbnail(message: dict[str, Any], file: Path) -> None:
    message["thumbnail"] = {"data": _base64(file)}


def _set_definition(message: dict[str, Any], file: Path) -> None:
    definition = load(file)
    if not isinstance(definition, dict):
        raise FileFault(file, "", "It holds no object; an href leads to a STAC Collection.")
    del message["href"]
    message["definition"] = definition


def _base64(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode("ascii")
    except OSError as error:
        raise FileFault(file, "", f"It cannot be read: {error.strerror}.") from None
