"""Tells people what is changed in documents when they are sent."""

from dataclasses import dataclass

from cli.output.printing import note

# A person reads some on the terminal; --json has a thousand.
_SHOWN = 20


@dataclass(frozen=True)
class Change:
    """What is changed in a document when it is sent, and what to know of it.

    Attributes:
        origin: where it stands.
        conversions: what is changed, a sentence for each rule.
        warnings: what to know.
    """

    origin: str
    conversions: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def tell_changes(changes: list[Change]) -> None:
    """Print what is changed in documents and what to know of them, of as many as a person reads."""
    for change in changes[:_SHOWN]:
        for sentence in change.conversions:
            note(f"Converted: {change.origin}: {sentence}")
        for sentence in change.warnings:
            note(f"Warning: {change.origin}: {sentence}")
    if len(changes) > _SHOWN:
        note(f"{len(changes) - _SHOWN:,} more documents are converted or have warnings; --json lists them.")
