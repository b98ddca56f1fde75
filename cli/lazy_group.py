"""The group of all commands, which imports a command's module when the command is called or its help is asked for."""

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class CommandRow(NamedTuple):
    """Where a command is.

    Attributes:
        place: module and name, with a colon between, of a function, or of a Typer app for a command with commands.
        panel: the heading that it stands under in the list of commands.
        summary: what it does, in one sentence: the first of its docstring.
    """

    place: str
    panel: str
    summary: str


class LazyGroup(TyperGroup):
    """A group whose list of commands comes from a table, so that showing or completing it imports no command.

    Attributes:
        rows: the table, by the names of the commands.
    """

    rows: dict[str, CommandRow]

    def __init__(self, **attributes: Any) -> None:
        listed = {
            name: TyperCommand(name, help=row.summary, rich_help_panel=row.panel) for name, row in self.rows.items()
        }
        super().__init__(**{**attributes, "commands": listed})
        _with_plain_flags(self)
        self._list = TyperGroup(**{**attributes, "commands": listed})

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own, without public types
        """Show the help with the list of commands."""
        self._list.format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:  # noqa: ANN401
        """Complete the name of a command."""
        return self._list.shell_complete(ctx, incomplete)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - see format_help
        """Return the command itself, importing its module; None where there is none of this name."""
        row = self.rows.get(cmd_name)
        return None if row is None else _load(cmd_name, row)


def _load(name: str, row: CommandRow) -> Any:  # noqa: ANN401 - typer's own, without a public type
    module, _, attribute = row.place.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        alone.command(name, short_help=row.summary)(found)
        return _with_plain_flags(typer.main.get_command(alone))
    group = typer.main.get_group(found)
    group.name, group.short_help = name, row.summary
    for command in group.commands.values():
        _with_plain_flags(command)
    return _with_plain_flags(group)


def _with_plain_flags(command: Any) -> Any:  # noqa: ANN401 - typer's own, without a public type
    """Show no type beside a flag, which takes no value."""
    for parameter in command.params:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return command
