"""`geocatalog explain`: what an error code means, and what to do about it."""

import difflib
from dataclasses import asdict
from typing import Annotated

import typer

from cli.explain.error_catalog import EXPLANATIONS, Explanation, find_explanation
from cli.options.common import JsonOption
from cli.output.faults import CommandError
from cli.output.printing import print_table, say, write_json

_WHO = {"service": "GeoCatalog says it", "app": "the app says it"}


def explain(
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="Default: all.", show_default=False)] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say what an error code means and what to do about it.

    Example: geocatalog explain IngestionResourceForbidden
    """
    if code is None:
        if as_json:
            write_json({name: asdict(explanation) for name, explanation in EXPLANATIONS.items()})
        else:
            print_table(["Code", "Meaning"], [[name, one.meaning] for name, one in EXPLANATIONS.items()])
        return
    explanation = find_explanation(code)
    if explanation is None:
        near = difflib.get_close_matches(code, EXPLANATIONS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "geocatalog explain lists all."
        raise CommandError(f"There is no error code {code}; {hint}")
    name = next(name for name in EXPLANATIONS if name.casefold() == code.casefold())
    if as_json:
        write_json({"code": name, **asdict(explanation)})
    else:
        _tell(name, explanation)


def _tell(name: str, explanation: Explanation) -> None:
    retried = "it is tried again by itself" if explanation.retried else "it is not tried again by itself"
    say(f"{name} ({_WHO[explanation.origin]}; {retried})")
    say(f"  What it means: {explanation.meaning}")
    say(f"  What to do:    {explanation.remedy}")
