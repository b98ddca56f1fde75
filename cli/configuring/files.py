"""Reads configuration files: messages of queue `collections` as JSON or YAML, or STAC Collections."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.faults import CommandError, usage_error
from shared.json_codec import read_json

ENDINGS = frozenset({".json", ".yaml", ".yml"})
# The Planetary Computer's own file with the render configuration of the collection beside it.
_PLANETARY_COMPUTER_FILE = "config.json"
_PLANETARY_COMPUTER_KEYS = frozenset({"mosaic_info", "render_config"})
_MESSAGE_KEYS = frozenset({"definition", "href", "planetary_computer"})


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
        CommandError: a path does not exist, a file cannot be read, or there is no configuration at all.
    """
    found = [configuration for path in paths for configuration in _of_path(path)]
    if not found:
        raise CommandError(f"There is no collection configuration in {', '.join(map(str, paths))}.")
    return found


def _of_path(path: Path) -> Iterator[ConfigurationFile]:
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file()):
            fields = load_object(file, tolerant=True)
            if fields is not None and _is_configuration(fields):
                yield configuration_of(file, fields)
    elif path.is_file():
        yield configuration_of(path, load_object(path) or {})
    else:
        raise usage_error(f"There is no file or folder {path}; check the path.")


def _is_configuration(fields: dict[str, Any]) -> bool:
    return fields.get("type") == "Collection" or (bool(fields.keys() & _MESSAGE_KEYS) and "type" not in fields)


def load_object(path: Path, *, tolerant: bool = False) -> dict[str, Any] | None:
    """Reads a file that holds one JSON or YAML object.

    Args:
        path: the file.
        tolerant: whether a file that holds something else is no fault.

    Raises:
        CommandError: it cannot be read, or is not an object.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        value = read_json(content) if path.suffix.lower() not in {".yaml", ".yml"} else _read_yaml(content)
    except ValueError as error:
        if tolerant:
            return None
        raise CommandError(f"{path} is not {'YAML' if path.suffix.lower() != '.json' else 'JSON'}: {error}.") from None
    if isinstance(value, dict):
        return value
    if tolerant:
        return None
    raise CommandError(f"{path} holds no object; a configuration is a message of queue collections.")


def _read_yaml(content: bytes) -> Any:  # noqa: ANN401 - YAML is any value
    import yaml  # noqa: PLC0415 - only YAML files need it

    try:
        return _as_json(yaml.safe_load(content))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


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
        CommandError: a file it names cannot be read.
    """
    beside: list[Path] = []
    if fields.get("type") == "Collection":
        message: dict[str, Any] = {"definition": fields}
        companion = path.parent / _PLANETARY_COMPUTER_FILE
        extra = load_object(companion, tolerant=True) if companion != path and companion.is_file() else None
        if extra and _PLANETARY_COMPUTER_KEYS & extra.keys():
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
    for href, replace in (
        (thumbnail.get("href") if isinstance(thumbnail, dict) else None, _set_thumbnail),
        (message.get("href"), _set_definition),
    ):
        if not isinstance(href, str) or "://" in href:
            continue
        file = _file_beside(path, href)
        if file is None:
            raise CommandError(f"{path} names {href}, and there is no such file beside it; give a path or a URL.")
        replace(message, file)
        beside.append(file)


def _set_thumbnail(message: dict[str, Any], file: Path) -> None:
    message["thumbnail"] = {"data": _base64(file)}


def _set_definition(message: dict[str, Any], file: Path) -> None:
    del message["href"]
    message["definition"] = load_object(file)


def _base64(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode("ascii")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
