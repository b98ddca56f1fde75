"""What each error code means and what to do about it: the service's own codes and those of the app."""

from dataclasses import dataclass

from shared.basics.errors import (
    BadContent,
    BadMessage,
    Disposition,
    ErrorCode,
    FeedFault,
    FeedPaused,
    GaveUp,
    Held,
    LostResponse,
    SettingsError,
    Throttled,
    Unavailable,
    disposition_of_kind,
)
from shared.services.operation_states import REMEDIES, Remedy


@dataclass(frozen=True)
class Explanation:
    """One error code, explained.

    Attributes:
        meaning: what happened.
        remedy: what to do.
        origin: who says it: `service` or `app`.
        retried: whether the app tries again by itself.
    """

    meaning: str
    remedy: str
    origin: str
    retried: bool


_PASSES = "Nothing: it is tried again by itself. If it lasts, look at the service's health, then replay."
_READ_ACCESS = (
    "Look at the source with `geocatalog sources`; add it with `geocatalog sources add`, or fix its SAS or role. Held "
    "items go on as soon as the source is renewed, or with `geocatalog resume`."
)

# What an operation of the service ends with: meaning, and what to do
# (learn.microsoft.com/azure/planetary-computer/error-codes-ingestion).
_OF_OPERATIONS: dict[str, tuple[str, str]] = {
    "InternalError": ("GeoCatalog failed inside.", _PASSES),
    "InternalIntermitentError": ("GeoCatalog failed inside for a moment.", _PASSES),
    "IngestionResourceTimeout": ("The asset's storage did not answer in time.", _PASSES),
    "IngestionResourceConnectionFailed": (
        "GeoCatalog could not connect to the asset's storage.",
        (
            "Nothing at first: it is tried again by itself. If it lasts, check that the storage account's firewall "
            "lets GeoCatalog in."
        ),
    ),
    "CogTransformationTimeout": (
        "Making a cloud-optimized GeoTIFF of an asset took too long.",
        "Nothing at first: it is tried again by itself. If it lasts, convert the asset to a COG before it is ingested.",
    ),
    "GenericHttpIngestionError": ("Reading an asset failed with an HTTP error.", _PASSES),
    "GenericIngestionError": ("The ingestion failed without a closer reason.", _PASSES),
    "PublicAccessRestricted": (
        "An asset lies in a private container that GeoCatalog has no ingestion source for.",
        _READ_ACCESS,
    ),
    "IngestionResourceForbidden": (
        (
            "The asset's storage refused GeoCatalog: the source's SAS has lapsed or lacks read and list, or its "
            "identity has no role."
        ),
        _READ_ACCESS,
    ),
    "IngestionAuthenticationFailed": ("The asset's storage did not accept the source's SAS or identity.", _READ_ACCESS),
    "ManagedIdentityInfoNotFound": (
        "The source names a managed identity that is not attached to the GeoCatalog.",
        (
            "Attach it (az planetarycomputer geocatalog identity assign) and give it Storage Blob Data Reader on the "
            "container; then `geocatalog resume`."
        ),
    ),
    "RoleBasedAccessDeny": (
        "The source's managed identity lacks a role on the asset's storage.",
        "Give it Storage Blob Data Reader on the container; roles take some minutes to act. Then `geocatalog resume`.",
    ),
    "CollectionDoesNotExist": (
        "The item's collection is not in GeoCatalog.",
        "Create it with `geocatalog apply`, or send the item to another with `geocatalog enqueue --collection`.",
    ),
    "ItemAlreadyExistsInCollection": (
        "The item is in the collection already, and its message said if_exists=fail.",
        "Nothing, if it may stay as it is; otherwise enqueue it with --if-exists replace.",
    ),
    "NoRecordsToDelete": ("What was to be deleted is not there.", "Nothing: it counts as deleted."),
    "NoRecordsToUpdate": ("The item to replace is not there.", "Nothing: it is posted anew."),
    "NoRecordsToPatch": ("The item to patch is not there.", "Nothing: it is posted anew."),
    "OperationNotExistsInCollection": (
        "GeoCatalog does not know the operation in this collection.",
        "Replay the item with `geocatalog replay`.",
    ),
    "OperationIsCanceled": ("The operation had been canceled.", "Replay the item with `geocatalog replay`."),
    "CanceledOperation": ("The operation was canceled.", "Replay the item with `geocatalog replay`."),
    "IngestionResourceUriNotFound": (
        "There is no file at an asset's href.",
        "Fix the href or put the file there, then enqueue the item again.",
    ),
    "InvalidAssetHref": (
        "An asset's href is not an absolute URL.",
        "Give the full https URL of every asset, then enqueue the item again.",
    ),
    "EmptyAsset": ("An asset's file is empty.", "Write the file again, then replay the item."),
    "InvalidStacCatalog": ("The static catalog is not valid STAC.", "Fix it; `geocatalog validate` helps."),
    "InvalidGeoparquet": ("The file is not valid STAC GeoParquet.", "Write it again."),
    "InvalidInputData": ("GeoCatalog cannot read the input.", "Fix what the message names, enqueue again."),
    "ImportFileValidationFailed": ("The file to import is not valid.", "Fix what the message names."),
    "AssetTransformationError": (
        "An asset could not be transformed.",
        "Check that the file opens (gdalinfo), or leave it out with --drop-assets.",
    ),
    "CogTransformationError": (
        "An asset could not be made a cloud-optimized GeoTIFF.",
        "Check that the file opens (gdalinfo), convert it to a COG, or leave it out with --drop-assets.",
    ),
    "ItemTransformationError": ("The item could not be transformed.", "Fix what the message names."),
    "StacValidationFailed": (
        "GeoCatalog does not take the item as STAC.",
        "Fix what the message names; if it names an extension, try the item without it.",
    ),
    "ItemSizeExceeded": ("The item's JSON is over 1 MB.", "Move large properties into an asset."),
    "TotalAssetsExceeded": ("The item has more than 100 assets.", "Leave some out with --drop-assets."),
    "PostItemCollectionSizeExceeded": ("Too many items in one request.", "Send them one by one."),
    "PatchValidation": ("The patch is not valid.", "Send the whole item."),
    "ErrorsInBatchOperation": ("Some items of a batch failed.", "Send them one by one to see which."),
}
# What the app writes into a row itself, without an error of its own: meaning, and what to do.
_WRITTEN: dict[str, tuple[str, str]] = {
    ErrorCode.OPERATION_LOST: ("GeoCatalog no longer knows the operation, and the item is not there.", _PASSES),
    ErrorCode.MISSING_IN_CATALOG: (
        "The item was ingested, and `geocatalog verify` no longer found it in GeoCatalog: someone deleted it there.",
        "Enqueue it again, or let its feed bring it; `geocatalog verify COLLECTION --against SOURCE --repair` does so.",
    ),
    ErrorCode.ID_COLLISION: (
        "Two feeds, or two collections of one feed, have an item of the same id for one collection.",
        "Give each a collection of its own, or narrow what the feeds find.",
    ),
    ErrorCode.OPERATION_CANCELED: ("The operation was canceled.", "Replay it with `geocatalog replay`."),
}
# What the app raises: which error carries the code, its meaning, and what to do.
_RAISED: dict[str, tuple[type[BaseException], str, str]] = {
    ErrorCode.BAD_MESSAGE: (
        BadMessage,
        "A message could not be understood.",
        "Fix its fields (docs/messages.md) and send it again.",
    ),
    ErrorCode.BAD_ID: (
        BadMessage,
        "An id holds characters that GeoCatalog does not take, or is too long.",
        "Items: 1 to 149 of A-Z a-z 0-9 - _ + , ( ) . — collections: A-Z a-z 0-9 - _ . — then send it again.",
    ),
    ErrorCode.HREF_REFUSED: (
        BadMessage,
        "The app may not fetch the message's href.",
        "Add its host to ALLOWED_HREF_HOSTS, put the file into container incoming, or enqueue the file itself.",
    ),
    ErrorCode.HREF_NOT_FOUND: (
        BadMessage,
        "There is nothing at the message's href.",
        "Put the file there and send again.",
    ),
    ErrorCode.HREF_TOO_LARGE: (
        BadMessage,
        "The file at the href is one very large JSON document.",
        "Send newline-delimited Items instead.",
    ),
    ErrorCode.HREF_NOT_STAC: (
        BadMessage,
        "What the message's href leads to is not STAC.",
        "It must be a STAC Item, an ItemCollection or newline-delimited Items.",
    ),
    ErrorCode.INVALID_STAC: (
        BadContent,
        "The item or collection is not valid STAC.",
        "Fix what the message names, then enqueue it again.",
    ),
    ErrorCode.ITEM_TOO_LARGE: (BadContent, "The item's JSON is over 1 MB.", "Move large properties into an asset."),
    ErrorCode.TOO_MANY_ASSETS: (
        BadContent,
        "The item has more than 100 assets.",
        "Leave some out with --drop-assets (field drop_assets).",
    ),
    ErrorCode.BAD_ASSET: (
        BadContent,
        "An asset's key or href is not one GeoCatalog takes.",
        "Fix what the message names, or drop the asset.",
    ),
    ErrorCode.SIGNATURE_ENDED: (
        BadContent,
        "An asset's href carries a SAS of its own that has ended, and its container has no ingestion source.",
        "Enqueue the item with hrefs that are signed anew; or add a source (`geocatalog sources add`) and replay it.",
    ),
    ErrorCode.MANAGED_ITEM: (
        BadContent,
        "The item was read back from GeoCatalog, so its hrefs lead into GeoCatalog's own storage.",
        "Send the original item with the source's hrefs.",
    ),
    ErrorCode.NOT_CONFIRMED: (
        BadMessage,
        "A deletion of a whole collection did not repeat its id.",
        "Repeat the id under confirm (--confirm ID).",
    ),
    ErrorCode.REFUSED: (BadContent, "GeoCatalog refused the request.", "Fix what the message names."),
    ErrorCode.CONFIGURATION_REFUSED: (
        BadContent,
        "A part of the collection's configuration was refused; the others were applied.",
        "`geocatalog plan FILE` shows what is open; fix the part that the message names and apply again.",
    ),
    ErrorCode.UNAUTHENTICATED: (
        Held,
        "GeoCatalog did not accept the app's token.",
        "Check GEOCATALOG_SCOPE and the app's identity (`geocatalog doctor`).",
    ),
    ErrorCode.FORBIDDEN: (
        Held,
        "The app's identity lacks a role.",
        "Give it GeoCatalog Administrator on the GeoCatalog; roles take some minutes to act. Then `geocatalog resume`.",
    ),
    ErrorCode.SETTINGS: (
        SettingsError,
        "A setting of the app is missing or malformed.",
        "Fix what the message names (`geocatalog doctor`).",
    ),
    ErrorCode.WRONG_ADDRESS: (
        Held,
        "No GeoCatalog answers at GEOCATALOG_URL.",
        "Correct GEOCATALOG_URL (`geocatalog doctor`).",
    ),
    ErrorCode.UNAVAILABLE: (Unavailable, "GeoCatalog or a host did not answer.", _PASSES),
    ErrorCode.THROTTLED: (Throttled, "GeoCatalog asked to wait.", _PASSES),
    ErrorCode.LOST_RESPONSE: (
        LostResponse,
        "A write was sent and no answer came; it may have been done.",
        "Nothing: what became of it is found out, and it is not done twice.",
    ),
    ErrorCode.STORAGE_UNAVAILABLE: (Unavailable, "The ingestion storage did not answer.", _PASSES),
    ErrorCode.GAVE_UP: (
        GaveUp,
        "It was tried again until RETRY_MAX_AGE and never succeeded.",
        "Fix what the message names, then replay it with `geocatalog replay`.",
    ),
    ErrorCode.REPEATED_CRASH: (
        BadContent,
        "Handling the message crashed the app again and again.",
        "Look at the app's log for the cause, then replay it with `geocatalog replay`.",
    ),
    ErrorCode.API_REFUSED: (
        FeedFault,
        "The STAC API of a feed refused, redirects, or links to another origin.",
        "Correct the feed's url or auth (`geocatalog feeds show`).",
    ),
    ErrorCode.API_IGNORES: (
        FeedPaused,
        "A STAC API gave an item that its feed did not ask for; the feed is paused.",
        "Change the feed's query, then `geocatalog feeds run`.",
    ),
    ErrorCode.ORDER_MISSING: (
        FeedFault,
        "An item carries no value of the property that its feed is followed by.",
        "Give the feed another order_by.",
    ),
    ErrorCode.FEED_BLOCKED: (
        FeedFault,
        "A feed's API shows no way to all of the items that it says it has.",
        "Give the feed a larger page_size, or divide it by bbox or filter.",
    ),
    ErrorCode.MANY_REPLACEMENTS: (
        FeedPaused,
        "Many known items of a feed changed upstream at once; the feed is paused.",
        "`geocatalog feeds run NAME --accept-replacements`, or leave out what changed by ignore_properties.",
    ),
    ErrorCode.FEED_WAITS: (Unavailable, "A feed waits until what it sent is finished.", _PASSES),
    ErrorCode.UNEXPECTED: (
        Exception,
        "The app met a fault of its own; it retries by itself.",
        "Look at the app's log for the traceback and report it.",
    ),
}

_AGAIN_AFTER = frozenset({Remedy.RETRY, Remedy.HOLD, Remedy.ABSENT})
_AGAIN = frozenset({Disposition.HOLD, Disposition.DELAY, Disposition.RAISE})
# It is what a deletion wants: nothing is left to try.
_DONE = frozenset({"NoRecordsToDelete"})


def _of_operation(code: str, origin: str, meaning: str, remedy: str) -> Explanation:
    return Explanation(meaning, remedy, origin, retried=REMEDIES.get(code) in _AGAIN_AFTER and code not in _DONE)


EXPLANATIONS: dict[str, Explanation] = {
    **{code: _of_operation(code, "service", *said) for code, said in _OF_OPERATIONS.items()},
    **{str(code): _of_operation(code, "app", *said) for code, said in _WRITTEN.items()},
    **{
        str(code): Explanation(meaning, remedy, "app", retried=disposition_of_kind(kind) in _AGAIN)
        for code, (kind, meaning, remedy) in _RAISED.items()
    },
}

_READ_ITS_MESSAGE = "Fix what its message names, then enqueue again."


def find_explanation(code: str | None) -> Explanation | None:
    """Explains an error code.

    Args:
        code: such as `IngestionResourceForbidden`; letter case does not matter.

    Returns:
        The explanation; None for a code that is not known.
    """
    by_lower = {name.casefold(): explanation for name, explanation in EXPLANATIONS.items()}
    return by_lower.get((code or "").casefold())


def remedy(code: str | None, *, is_final: bool = False) -> str:
    """Return what to do about an error code: for one that is not known, to read its message; for none, nothing.

    Args:
        code: such as `IngestionResourceForbidden`.
        is_final: whether the item came to its end with it, so that nothing tries it again by itself.
    """
    found = find_explanation(code)
    if found and found.retried and is_final:
        return "It is no longer tried again by itself: fix what the message names, then `geocatalog replay` it."
    return found.remedy if found else _READ_ITS_MESSAGE if code else ""
