"""The `geocatalog` command: for producers who send items, and for operators who look after the ingestion."""

import io
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import Commands
from cli.output.faults import ExitCode, sentence_of
from cli.settings.env_file import load_environment

PROGRAM = "geocatalog"
DEBUG = "--debug"

app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only --version needs it

        typer.echo(f"{PROGRAM} {version('geocatalog-ingestion')}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    *,
    env_file: Annotated[
        Path | None, typer.Option("--env-file", help="File of settings, NAME=value. Default: .local/env.")
    ] = None,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Fill and look after a Microsoft Planetary Computer Pro GeoCatalog.

    Settings come from the environment (GEOCATALOG_URL, INGEST_STORAGE, …), from the file that --env-file names, or from
    .local/env, which `geocatalog local up` writes. A command asks only for the settings it needs: a producer that sends
    items needs INGEST_STORAGE alone.

    Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 something failed, 2 wrong
    usage, 130 interrupted.
    """
    del debug, version  # main and the callback have looked at them
    # A stack that is started takes nothing from one that runs, such as its identity; what is named is taken.
    if env_file or context.invoked_subcommand != "local":
        load_environment(env_file)


def main() -> None:
    """Runs the command with the arguments of the process, and ends the process with its exit code."""
    # Taken wherever it stands, also after the command, where people put it when something has failed.
    arguments = [argument for argument in sys.argv[1:] if argument != DEBUG]
    is_debug = len(arguments) < len(sys.argv) - 1
    # A file's name may hold what the terminal or UTF-8 cannot write; in JSON the escape means the same character.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = app(args=arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone, such as `head`; what is still to be written goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - the last place where an error can be explained
        code = _explain(error, is_debug=is_debug)
    if code == ExitCode.INTERRUPTED:  # typer makes an exit of most of them
        _tell("Interrupted.")
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _explain(error: Exception, *, is_debug: bool) -> int:
    if is_debug:
        traceback.print_exception(error)
    if isinstance(error, typer.TyperException):
        if not error.format_message():  # help was shown in place of a missing command
            return ExitCode.USAGE
        command = getattr(getattr(error, "ctx", None), "command_path", PROGRAM)
        message = error.format_message()
        _tell(f"{message}{'' if message.endswith(('.', '?')) else '.'} See {command} --help.")
        return error.exit_code
    sentence = sentence_of(error)
    if sentence is None:
        shown = " ".join(str(error).split())[:300]
        sentence = f"Unexpected {type(error).__name__}: {shown} Run it again with {DEBUG} to see where."
    _tell(sentence)
    return int(getattr(error, "exit_code", ExitCode.FAILED))


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{PROGRAM}: {sentence}\n")


if __name__ == "__main__":
    main()
