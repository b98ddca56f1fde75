"""Where the documents to send come from: files, folders, standard input, URLs."""

import itertools
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.documents.documents import Read, Unreadable, read_documents
from cli.documents.parquet import ENDINGS as PARQUET
from cli.documents.parquet import MAGIC, read_parquet
from cli.output.faults import CommandError, usage_error

STANDARD_INPUT = "-"

# What can hold STAC, by its ending; other files of a folder (imagery, readme) are passed over.
_LINES = frozenset({".ndjson", ".jsonl", ".geojsonl", ".geojsonseq"})
_JSON = frozenset({".json", ".geojson"})


@dataclass(frozen=True)
class Input:
    """One file, URL or stream.

    Attributes:
        name: the path, the URL, or `-`.
        size: its bytes, where they are known.
        in_folder: whether it was found in a folder, rather than named.
    """

    name: str
    size: int | None = None
    in_folder: bool = False

    @property
    def is_url(self) -> bool:
        """Whether it is a URL."""
        return is_url(self.name)

    @property
    def is_file(self) -> bool:
        """Whether it is a file."""
        return self.name != STANDARD_INPUT and not self.is_url

    @property
    def may_hold_one_document(self) -> bool:
        """Whether it may hold one document, such as a STAC Collection, rather than one per line."""
        return self.is_file and Path(self.name).suffix.lower() not in _LINES | PARQUET

    @property
    def is_parquet_url(self) -> bool:
        """Whether it is a URL that ends like one of GeoParquet."""
        return self.is_url and Path(urlsplit(self.name).path).suffix.lower() in PARQUET


def is_url(name: str) -> bool:
    """Tells whether an argument is a URL rather than a path."""
    return name.startswith(("https://", "http://"))


def find_inputs(names: list[str]) -> tuple[list[Input], int]:
    """Lists what the arguments name; a folder stands for the files in it, at any depth.

    Args:
        names: paths, URLs, and `-` for standard input.

    Returns:
        The inputs in a stable order, and how many files of folders were passed over: hidden ones, and those whose
        ending is not one of STAC.

    Raises:
        CommandError: a path does not exist, or a folder holds nothing that could be STAC.
    """
    inputs: list[Input] = []
    passed_over = 0
    for name in names:
        if name == STANDARD_INPUT or is_url(name):
            inputs.append(Input(name))
            continue
        path = Path(name)
        if path.is_dir():
            found, left = _in_folder(path)
            inputs += found
            passed_over += left
        elif path.is_file():
            inputs.append(Input(name, path.stat().st_size))
        else:
            raise usage_error(f"There is no file or folder {name}; check the path.")
    return inputs, passed_over


def _in_folder(folder: Path) -> tuple[list[Input], int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [
        Input(str(path), path.stat().st_size, in_folder=True)
        for path in files
        if path.suffix.lower() in _JSON | _LINES | PARQUET and not _is_hidden(path.relative_to(folder))
    ]
    if not found:
        endings = " ".join(sorted(_JSON | _LINES | PARQUET))
        raise CommandError(f"The folder {folder} holds no STAC items: no file in it ends in {endings} (or all hidden).")
    return found, len(files) - len(found)


def _is_hidden(path: Path) -> bool:
    """Tells whether a file is hidden, or in a hidden folder: what editors and systems leave beside the real ones."""
    return any(part.startswith(".") for part in path.parts)


def read_input(source: Input) -> Iterator[Read]:
    """Reads the documents of one input as they come.

    Raises:
        CommandError: it cannot be read, or changed while it was read.
        requests.RequestException: its server did not answer.
    """
    if source.name == STANDARD_INPUT:
        yield from _read_stream(sys.stdin.buffer, "standard input")
    elif source.is_url:
        from cli.documents.web import lines_of, shown  # noqa: PLC0415 - requests is slow to import, only URLs need it

        yield from _read_stream(lines_of(source.name), shown(source.name))
    else:
        yield from _read_file(Path(source.name))


def _read_stream(lines: Iterable[bytes], origin: str) -> Iterator[Read]:
    """Read what comes in pieces; GeoParquet is kept in a file first, since its end says where things stand."""
    rest = iter(lines)
    first = next(rest, b"")
    if not first.startswith(MAGIC):
        yield from read_documents(itertools.chain([first], rest), origin)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "items.parquet")
        with path.open("wb") as file:
            file.writelines(itertools.chain([first], rest))
        yield from read_parquet(path, origin)


def _read_file(path: Path) -> Iterator[Read]:
    try:
        before = path.stat()
        with path.open("rb") as file:
            is_parquet = file.read(len(MAGIC)) == MAGIC
            file.seek(0)
            yield from read_parquet(path, str(path)) if is_parquet else read_documents(file, str(path))
        after = path.stat()
    except FileNotFoundError:
        yield Unreadable(str(path), "It is no longer there.")
        return
    except OSError as error:
        yield Unreadable(str(path), f"It cannot be read: {error.strerror}.")
        return
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        yield Unreadable(str(path), "It changed while it was read; run the command again when it is complete.")
