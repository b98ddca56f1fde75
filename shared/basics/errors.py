"""Every error the app raises itself, and what each means for the message that caused it.

IngestionError
├── SettingsError          a setting is missing or malformed
├── BadMessage             cannot be tied to an item or collection: a dead letter at once
├── BadContent             a known id with content that can never be ingested: Failed at once
│   └── GaveUp             retried for RETRY_MAX_AGE
├── Held                   a fault of the set-up that an operator must mend: tried again by itself
│   └── FeedFault          a feed cannot be read as it is
│       └── FeedPaused     a feed may not continue before an operator says so
└── Unavailable            a service does not answer or asks for patience: tried again later
    ├── Throttled          429 or 503: every instance waits
    ├── LostResponse       a write whose outcome is not known
    └── MustWait           nothing failed: the message waits its turn, which is no attempt
        ├── Paused         every instance waits, as GeoCatalog asked: it was not asked again
        ├── RateLimited    the app's own limit: GeoCatalog was not asked
        └── NotYet         what the message waits for is not there yet

Every message is one sentence that says what was wrong, where, and what to do, and holds no secret.
"""

from datetime import timedelta
from enum import StrEnum

from shared.basics.redact import redact


class ErrorCode(StrEnum):
    """The app's own error codes; the service's codes stand beside them in `error_code` columns."""

    BAD_MESSAGE = "BadMessage"
    BAD_ID = "BadId"
    HREF_REFUSED = "HrefRefused"
    HREF_NOT_FOUND = "HrefNotFound"
    HREF_TOO_LARGE = "HrefTooLarge"
    HREF_NOT_STAC = "HrefNotStac"
    INVALID_STAC = "InvalidStac"
    ITEM_TOO_LARGE = "ItemTooLarge"
    TOO_MANY_ASSETS = "TooManyAssets"
    BAD_ASSET = "BadAsset"
    SIGNATURE_ENDED = "SignatureEnded"
    MANAGED_ITEM = "ManagedItem"
    ITEM_EXISTS = "ItemAlreadyExistsInCollection"
    NOT_CONFIRMED = "NotConfirmed"
    REFUSED = "RefusedByGeoCatalog"
    GENERIC = "GenericIngestionError"
    CONFIGURATION_REFUSED = "ConfigurationRefused"
    UNAUTHENTICATED = "Unauthenticated"
    FORBIDDEN = "Forbidden"
    NO_COLLECTION = "CollectionDoesNotExist"
    WRONG_ADDRESS = "WrongAddress"
    SETTINGS = "SettingsError"
    UNAVAILABLE = "Unavailable"
    THROTTLED = "Throttled"
    LOST_RESPONSE = "LostResponse"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    GAVE_UP = "RetryMaxAgeExceeded"
    OPERATION_LOST = "OperationLost"
    MISSING_IN_CATALOG = "MissingInCatalog"
    REPEATED_CRASH = "RepeatedCrash"
    OPERATION_CANCELED = "OperationCanceled"
    UNEXPECTED = "Unexpected"
    ID_COLLISION = "IdCollision"
    API_REFUSED = "ApiRefused"
    API_IGNORES = "ApiIgnoresQuery"
    ORDER_MISSING = "OrderFieldMissing"
    FEED_BLOCKED = "FeedBlocked"
    MANY_REPLACEMENTS = "TooManyReplacements"
    FEED_WAITS = "FeedWaits"


class IngestionError(Exception):
    """Base of every error of the app.

    Args:
        message: one sentence without secrets: what was wrong, where, what to do.
        code: the value for `error_code` columns and results.
    """

    def __init__(self, message: str, *, code: str) -> None:
        # Masked here, once for all: a message can quote an id, a key or the service's words, and any may hold a SAS.
        self.message = redact(message)
        super().__init__(self.message)
        self.code = code


class SettingsError(IngestionError):
    """A setting is missing or malformed; the message names all of them."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=ErrorCode.SETTINGS)


class BadMessage(IngestionError):
    """A message that cannot be tied to an item or a collection."""

    def __init__(self, message: str, *, code: str = ErrorCode.BAD_MESSAGE) -> None:
        super().__init__(message, code=code)


class BadContent(IngestionError):
    """Content that GeoCatalog can never take, under an id that is known."""


class GaveUp(BadContent):
    """The app retried for as long as RETRY_MAX_AGE says.

    Args:
        last: what the last try ended with.
        after: RETRY_MAX_AGE.
    """

    def __init__(self, last: IngestionError, after: timedelta) -> None:
        super().__init__(f"Given up after {after}: {last.message}", code=last.code or ErrorCode.GAVE_UP)


class ItemExists(BadContent):
    """GeoCatalog takes no new item, because it holds one of this id."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=ErrorCode.ITEM_EXISTS)


class Held(IngestionError):
    """A fault of the set-up (permission, collection, source) that an operator must mend."""


class FeedFault(Held):
    """A feed cannot be read as it is; each run tries again."""


class FeedPaused(FeedFault):
    """A feed may not continue before an operator says so."""


class Unavailable(IngestionError):
    """A service could not be reached or answered with a transient fault.

    Args:
        message: see IngestionError.
        code: see IngestionError.
        retry_after: how long the service asks to wait, if it does.
    """

    def __init__(
        self, message: str, *, code: str = ErrorCode.UNAVAILABLE, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Throttled(Unavailable):
    """429 or 503: the service asks every caller to wait."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message, code=ErrorCode.THROTTLED, retry_after=retry_after)


class MustWait(Unavailable):
    """Nothing failed: the message waits its turn. That is no attempt and begins no retry window."""


class Paused(MustWait):
    """Every instance waits, as GeoCatalog asked; this call was not made."""

    def __init__(self, *, retry_after: timedelta) -> None:
        super().__init__("GeoCatalog asked to wait.", code=ErrorCode.THROTTLED, retry_after=retry_after)


class NotYet(MustWait):
    """What the message waits for is not there yet; the app checks again after `retry_after`."""


class RateLimited(MustWait):
    """More calls wait than MAX_REQUESTS_PER_SECOND lets through: this one was not made."""

    def __init__(self, *, retry_after: timedelta) -> None:
        message = "More calls wait than MAX_REQUESTS_PER_SECOND lets through."
        super().__init__(message, code=ErrorCode.THROTTLED, retry_after=retry_after)


class LostResponse(Unavailable):
    """A write was sent and no answer came: it may or may not have been done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=ErrorCode.LOST_RESPONSE)


class Disposition(StrEnum):
    """What happens to a message after an error."""

    DEAD_LETTER = "dead letter"
    FAIL = "fail"
    HOLD = "hold"
    DELAY = "delay"
    RAISE = "raise"


# The first class in the error's method resolution order that stands here decides. Whatever is not here is a fault
# of our own: it is raised, the host gives the message again, and after maxDequeueCount the poison queue has it.
DISPOSITIONS: dict[type[BaseException], Disposition] = {
    BadMessage: Disposition.DEAD_LETTER,
    BadContent: Disposition.FAIL,
    Held: Disposition.HOLD,
    Unavailable: Disposition.DELAY,
    SettingsError: Disposition.RAISE,
}


def disposition_of(error: BaseException) -> Disposition:
    """Says what happens to the message that caused `error`."""
    return disposition_of_kind(type(error))


def disposition_of_kind(kind: type[BaseException]) -> Disposition:
    """Return what happens to a message that caused an error of this class."""
    return next((DISPOSITIONS[base] for base in kind.__mro__ if base in DISPOSITIONS), Disposition.RAISE)
