"""Runs `geocatalog replay` and `resume`: what they print, and how they end."""

from collections import Counter

import typer
from azure.core.exceptions import AzureError

from cli.connection import connect
from cli.output.faults import ExitCode
from cli.output.printing import Bar, note, say, write_json
from cli.recover.replaying import Replayed, replay_deadletters, replay_items
from cli.rows.items import ItemFilter
from cli.rows.letters import LetterFilter
from shared.items.resume import resume_held

_ENDED_EARLY = "It ended early. Run the same command again for the rest."


def run_replay(wanted: ItemFilter, *, dry_run: bool, as_json: bool) -> None:
    """Sends items again.

    Raises:
        typer.Exit: an item keeps no message to send.
        KeyboardInterrupt: it was interrupted, after telling how many were sent.
        azure.core.exceptions.AzureError: the storage could not be reached or refused; told likewise.
    """
    app = connect(needs_geocatalog=False)
    with Bar("Looking" if dry_run else "Replaying", unit="items") as bar:
        done = replay_items(wanted, app, bar, dry_run=dry_run)
    if as_json:
        write_json(
            {
                "replayed": done.sent,
                "without_message": done.without_message,
                "dry_run": dry_run,
                "complete": done.fault is None,
            }
        )
    else:
        _tell(done, dry_run=dry_run)
    if done.fault is not None:
        raise done.fault
    if done.without_message:
        raise typer.Exit(ExitCode.FAILED)


def _tell(done: Replayed, *, dry_run: bool) -> None:
    by_code = Counter(item["error_code"] or "no error code" for item in done.sent)
    say(f"{'Would replay' if dry_run else 'Replayed'} {len(done.sent):,} items.")
    for code, count in by_code.most_common():
        say(f"  {count:,} with {code}")
    for name in done.without_message:
        note(f"{name}: its row keeps no message; enqueue the item again.")
    if done.fault is not None:
        note(_ENDED_EARLY)


def run_replay_deadletters(wanted: LetterFilter, *, dry_run: bool, as_json: bool) -> None:
    """Sends dead letters again.

    Raises:
        typer.Exit: one of them cannot be sent again.
        KeyboardInterrupt: it was interrupted, after telling how many were sent.
        azure.core.exceptions.AzureError: the storage could not be reached or refused; told likewise.
    """
    app = connect(needs_geocatalog=False)
    with Bar("Looking" if dry_run else "Replaying", unit="dead letters") as bar:
        done = replay_deadletters(wanted, app, bar, dry_run=dry_run)
    if as_json:
        write_json(
            {
                "replayed": done.sent,
                "unsendable": done.unsendable,
                "dry_run": dry_run,
                "complete": done.fault is None,
            }
        )
    else:
        say(f"{'Would replay' if dry_run else 'Replayed'} {len(done.sent):,} dead letters.")
        for key in done.unsendable:
            note(f"Dead letter {key[:12]} is no JSON object, so it cannot be sent again; its producer must mend it.")
        if done.fault is not None:
            note(_ENDED_EARLY)
    if done.fault is not None:
        raise done.fault
    if done.unsendable:
        raise typer.Exit(ExitCode.FAILED)


def run_resume(collections: list[str], *, as_json: bool) -> None:
    """Tries held items again.

    Raises:
        KeyboardInterrupt: it was interrupted, after telling how many were sent.
        azure.core.exceptions.AzureError: the storage could not be reached or refused; told likewise.
    """
    app = connect(needs_geocatalog=False)
    wanted: list[str | None] = [*collections] or [None]
    resumed = 0
    try:
        with Bar("Resuming", unit="items") as bar:
            for collection in wanted:
                for sent in resume_held(app, collection=collection):
                    resumed += sent
                    bar.counted(resumed)
    except (KeyboardInterrupt, AzureError):
        note(f"{resumed:,} held items were resumed. {_ENDED_EARLY}")
        raise
    if as_json:
        write_json({"resumed": resumed})
    else:
        say(f"Resumed {resumed:,} held items.")
