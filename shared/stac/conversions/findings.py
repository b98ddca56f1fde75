"""What a check of one STAC document found: what it converted, what people should know, and what is wrong."""

from collections import defaultdict
from enum import StrEnum

from shared.basics.errors import BadContent, ErrorCode
from shared.basics.redact import MAX_TEXT

# All faults of a document are told, as far as a person reads them and a table's row carries them.
MAX_FAULTS = 20
# So many places of one rule are named, the others counted.
_MAX_PLACES = 3
_MAX_PLACE = 120


class Conversion(StrEnum):
    """The rules by which a document is changed, each as the words that follow the places where it was used."""

    MIGRATED = "brought to STAC 1.1.0"
    TIMESTAMP = "written in UTC"
    NULL = "left out, since STAC allows no null there"
    LINK = "left out: it has no text as rel or href, or leads nowhere by itself"
    NO_LINKS = "added as an empty list"
    RESOLVED = "made absolute"
    ENCODED = "percent-encoded"
    RING = "closed by its first position"
    BBOX = "computed from the geometry"
    NO_BBOX = "left out, since the geometry is null"
    NODATA = "written as text, since JSON has no such number"
    EXTENSION = "left out, since it is no URL of an extension"
    DUPLICATE = "left out, since it is there twice"
    PROVIDER_URL = "left out, since it is not an absolute URL"
    ASSETS = "left out, since GeoCatalog takes no assets with a collection; give its thumbnail under thumbnail"


class Findings:
    """Collects what a check finds.

    Args:
        subject: what is checked, such as `item`.
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._places: dict[Conversion, list[str]] = defaultdict(list)
        self._warnings: list[str] = []
        self._faults: dict[str, list[str]] = {}
        self._code: ErrorCode | None = None

    def converted(self, rule: Conversion, place: str) -> None:
        """Note that a value was changed.

        Args:
            rule: by which rule.
            place: where, such as `properties/datetime`.
        """
        self._places[rule].append(place[:_MAX_PLACE])

    def warn(self, sentence: str) -> None:
        """Note something that people should know, and that stops nothing."""
        self._warnings.append(sentence)

    def fault(self, what: str, place: str = "", code: ErrorCode = ErrorCode.INVALID_STAC) -> None:
        """Note a fault, for which the document is refused.

        Args:
            what: what is wrong and what to do, without a full stop; the same words for the same fault elsewhere.
            place: where, such as `properties/datetime`; empty for the document as a whole.
            code: what kind of fault it is.
        """
        places = self._faults.setdefault(what, [])
        if place[:_MAX_PLACE] not in places:
            places.append(place[:_MAX_PLACE])
        self._code = self._code or code

    def has_fault_at(self, place: str) -> bool:
        """Tell whether a fault was noted at a place."""
        return any(place[:_MAX_PLACE] in places for places in self._faults.values())

    @property
    def conversions(self) -> tuple[str, ...]:
        """What was changed: a sentence for each rule that was used, so that there are never many."""
        return tuple(f"{_listed(places)}: {rule}." for rule, places in self._places.items())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know."""
        return tuple(self._warnings)

    def raise_faults(self) -> None:
        """Refuse the document if anything is wrong with it.

        Raises:
            BadContent: with every fault, at most 20 of them.
        """
        if self._code is not None:
            raise BadContent(_told(self._subject, self._faults), code=self._code)


def _told(subject: str, faults: dict[str, list[str]]) -> str:
    """Tell of all faults; those that are alike together, with all their places."""
    sentences, left = [], MAX_FAULTS
    for what, places in faults.items():
        if left <= 0:
            break
        sentences.append(f"{_listed(places, left)}: {what}." if any(places) else f"{what[0].upper()}{what[1:]}.")
        left -= len(places)
    if len(sentences) == 1:
        return _shortened(f"The {subject} cannot be ingested. {sentences[0]}")
    count = sum(map(len, faults.values()))
    numbered = (f"({number}) {sentence}" for number, sentence in enumerate(sentences, 1))
    return _shortened(f"The {subject} has {count} faults. {' '.join(numbered)}")


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _listed(places: list[str], most: int = _MAX_PLACES) -> str:
    shown = ", ".join(places[:most])
    more = len(places) - most
    return f"{shown} and {more} more" if more > 0 else shown
