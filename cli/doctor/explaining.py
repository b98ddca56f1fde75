"""Runs `geocatalog explain`."""

import difflib
from dataclasses import asdict

from cli.doctor.error_catalog import EXPLANATIONS, Explanation, explain
from cli.output.faults import CommandError
from cli.output.printing import print_table, say, write_json

_WHO = {"service": "GeoCatalog says it", "app": "the app says it"}


def run(code: str | None, *, as_json: bool) -> None:
    """Explains one code, or lists all.

    Raises:
        CommandError: the code is not known.
    """
    if code is None:
        if as_json:
            write_json({name: asdict(explanation) for name, explanation in EXPLANATIONS.items()})
        else:
            print_table(["Code", "Meaning"], [[name, one.meaning] for name, one in EXPLANATIONS.items()])
        return
    explanation = explain(code)
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
