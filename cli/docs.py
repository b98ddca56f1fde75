"""Writes docs/cli.md from the command itself: `python -m cli.docs > docs/cli.md`."""

import re
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import typer

from cli.main import PROGRAM, app

_PREFACE = f"""# The `{PROGRAM}` command

This page is written from the command itself (`python -m cli.docs`); a test fails where the two differ.

Settings come from the environment (`GEOCATALOG_URL`, `INGEST_STORAGE`, …), from the file that `--env-file` names, or
from `.local/env`, which `{PROGRAM} local up` writes. A command asks only for the settings it needs: a producer that
sends items needs `INGEST_STORAGE` alone.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 something failed, 2 wrong usage,
130 interrupted. Completion for bash, zsh, fish and PowerShell: `{PROGRAM} --install-completion`.
"""


def write_docs() -> str:
    """Returns the page, Markdown."""
    root: Any = typer.main.get_command(app)
    sections = [_PREFACE.strip(), *_sections(root, (PROGRAM,)), _json_fields().strip()]
    return "\n\n".join(sections) + "\n"


def _sections(command: Any, path: tuple[str, ...]) -> Iterator[str]:  # noqa: ANN401 - typer's own commands
    subcommands = getattr(command, "commands", {})
    if len(path) > 1:
        yield _section(command, path)
    else:
        yield "## Options of every command\n\n" + _options(command)
        yield "\n".join(["## Commands", "", "| command | what it does |", "| --- | --- |", *_listing(command, path)])
    for name, subcommand in subcommands.items():
        yield from _sections(subcommand, (*path, name))


def _listing(command: Any, path: tuple[str, ...]) -> Iterator[str]:  # noqa: ANN401
    for name, subcommand in command.commands.items():
        title = " ".join([*path, name])
        yield f"| [`{title}`](#{_anchor(title)}) | {_first_line(subcommand.help)} |"


def _anchor(title: str) -> str:
    return title.replace(" ", "-")


def _first_line(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _section(command: Any, path: tuple[str, ...]) -> str:  # noqa: ANN401
    title = " ".join(path)
    paragraphs = [" ".join(part.split()) for part in (command.help or "").strip().split("\n\n")]
    examples = [part.removeprefix("Example: ") for part in paragraphs if part.startswith("Example: ")]
    words = [part for part in paragraphs if not part.startswith("Example: ")]
    arguments = " ".join(_metavar(param) for param in command.params if param.param_type_name == "argument")
    usage = f"{title} [OPTIONS] {arguments}".strip()
    parts = [f"### {title}", *words, f"```\n{usage}\n```"]
    if examples:
        parts.append("```sh\n" + "\n".join(examples) + "\n```")
    options = _options(command)
    return "\n\n".join([*parts, options] if options else parts)


def _options(command: Any) -> str:  # noqa: ANN401
    rows = [_row(param) for param in command.params if not param.hidden]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows]) if rows else ""


def _row(param: Any) -> str:  # noqa: ANN401
    if param.param_type_name == "argument":
        return f"| `{_escaped(_metavar(param))}` | {_escaped(param.help)} |"
    names = ", ".join(f"`{name}`" for name in sorted(param.opts, key=len, reverse=True))
    value = "" if param.is_flag else f" `{_escaped(_metavar(param))}`"
    default = param.default
    is_plain = isinstance(default, str | int | float) and default != "" and not param.is_flag
    shown = f" Default: `{default}`." if is_plain else ""
    return f"| {names}{value} | {_escaped(param.help)}{shown} |"


def _metavar(param: Any) -> str:  # noqa: ANN401
    if param.param_type_name == "argument":
        name = str(param.metavar or param.name.upper()).strip("[].")
        return (name if param.required else f"[{name}]") + ("..." if param.nargs == -1 else "")
    if param.metavar:
        return str(param.metavar)
    annotation = param.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    return str(param.name).upper()


def _escaped(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").replace("|", "\\|")


def _json_fields() -> str:
    return (
        "## Fields of --json\n\n"
        "Every command takes `--json` and then prints one JSON document on one line (`watch` one line per change). "
        "Fields are added, never renamed or removed. Timestamps are RFC 3339 in UTC, durations are seconds.\n\n"
        "| command | fields |\n| --- | --- |\n"
        + "\n".join(f"| `{name}` | {what} |" for name, what in JSON_FIELDS.items())
    )


# What each command prints with --json; tests hold the running command against it.
JSON_FIELDS: dict[str, str] = {
    "enqueue": (
        "`sent`, `by_collection`, `references`, `collections`, `skipped`, `refused`, `reasons` (`origin`, `reason`, "
        "`what`), `converted`, `changes` (`origin`, `conversions`, `warnings`), `warnings`, "
        "`correlation_id`, `dry_run`, `interrupted`, `complete`"
    ),
    "validate": (
        "`valid`, `files`, `configurations`, `items`, `faults` (`file`, `place`, `fault`), `converted`, "
        "`changes` (`origin`, `conversions`, `warnings`), `passed_over`"
    ),
    "plan, diff": (
        "`collections` (`collection`, `file`, `exists`, `changes`: `part`, `what`, `lines`; `refused`, "
        "`conversions`), `changes`"
    ),
    "apply": (
        "`collections` (`collection`, `file`, `outcome`: `applied`, `refused`, `rejected`, `sent` or `waiting`, "
        "`parts`, `reason`)"
    ),
    "export": "`files`",
    "status": (
        "`collections` (by id: `items` by state, `open_operations`, `stalled`, `oldest_open`, `newest_datetime`), "
        "`totals`, `queues`, `deadletters`, `sources`"
    ),
    "watch": "`items` by state, `queued`, `stale`, `left`, `rate_per_second`, `seconds_left`",
    "items": (
        "`items` (`collection`, `id`, `status`, `in_catalog`, `error_code`, `error_message`, `attempt`, "
        "`operation_id`, `first_enqueued`, `submitted_at`, `finished_at`, `next_attempt`, `version`, `correlation_id`, "
        "`datetime`, `bbox`), `next_offset`"
    ),
    "show": "those of an item, and `history`, `conversions`, `of_deleted_collection`, `meaning`, `remedy`, `operation`",
    "show COLLECTION": "`collection`, `created_at`, `configured_at`, `deleted_at`, `correlation_id`, `parts` "
    "(by part: `state`, `detail`), `deletion_error`",
    "failures": (
        "`items` (those of an item, and `remedy`), `deadletters` (`queue`, `key`, `error_code`, `reason`, `remedy`, "
        "`count`, `first_seen`, `last_seen`)"
    ),
    "replay": "`replayed`, `without_message` (or `unsendable`), `dry_run`, `complete`",
    "resume": "`resumed`",
    "search": "a STAC ItemCollection: `type`, `features`",
    "download": "`files` (`item`, `asset`, `path`, `size`, `was_there`, `fault`), `missing_items`",
    "delete": "`collection`, `deleted`, `failed`, `waiting`; of a whole collection `collection`, `deleted`, `fault`",
    "cancel": "`operations` (`operation_id`, `is_asked`, `reason`), `dry_run`",
    "report": "`output`, `items`",
    "sources": (
        "`sources` (`container_url`, `kind`, `source_id`, `expires_at`, `renewed_at`, `checked_at`, `error_code`, "
        "`error_message`, `seconds_left`, `is_managed`, `open_operations`), `faults` (of INGESTION_SOURCES), `unread` "
        "(why those of others are not there), `is_partial`"
    ),
    "sources add": "`container_url`, `source`",
    "sources remove": "`container_url`, `removed`",
    "doctor": "`healthy`, `findings` (`check`, `verdict`: `ok`, `warning` or `fault`, `detail`, `remedy`)",
    "local status": "`running`, `parts` (`name`, `url`, `up`, `restarts`, `last_reason`)",
    "explain": "`code`, `meaning`, `remedy`, `origin`, `retried`; without a code all of them, by code",
}


if __name__ == "__main__":
    sys.stdout.write(write_docs())
