"""What each error code means and what to do about it: the service's own codes and those of the app."""

from dataclasses import dataclass


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
    origin: str = "service"
    retried: bool = False


_PASSES = "Nothing: it is tried again by itself. If it lasts, look at the service's health, then replay."
_READ_ACCESS = (
    "Look at the source with `geocatalog sources`; add it with `geocatalog sources add`, or fix its SAS or role. Held "
    "items go on as soon as the source is renewed, or with `geocatalog resume`."
)

# The service's codes: learn.microsoft.com/azure/planetary-computer/error-codes-ingestion. Keep in step with
# shared/services/operation_states.py and shared/basics/errors.py; a test holds them against each other.
EXPLANATIONS: dict[str, Explanation] = {
    # May pass
    "InternalError": Explanation("GeoCatalog failed inside.", _PASSES, retried=True),
    "InternalIntermitentError": Explanation("GeoCatalog failed inside for a moment.", _PASSES, retried=True),
    "IngestionResourceTimeout": Explanation("The asset's storage did not answer in time.", _PASSES, retried=True),
    "IngestionResourceConnectionFailed": Explanation(
        "GeoCatalog could not connect to the asset's storage.",
        "Nothing at first: it is tried again by itself. If it lasts, check that the storage account's firewall lets "
        "GeoCatalog in.",
        retried=True,
    ),
    "CogTransformationTimeout": Explanation(
        "Making a cloud-optimized GeoTIFF of an asset took too long.",
        "Nothing at first: it is tried again by itself. If it lasts, convert the asset to a COG before it is ingested.",
        retried=True,
    ),
    "GenericHttpIngestionError": Explanation("Reading an asset failed with an HTTP error.", _PASSES, retried=True),
    "GenericIngestionError": Explanation("The ingestion failed without a closer reason.", _PASSES, retried=True),
    # The set-up
    "PublicAccessRestricted": Explanation(
        "An asset lies in a private container that GeoCatalog has no ingestion source for.", _READ_ACCESS, retried=True
    ),
    "IngestionResourceForbidden": Explanation(
        "The asset's storage refused GeoCatalog: the source's SAS has lapsed or lacks read and list, or its identity "
        "has no role.",
        _READ_ACCESS,
        retried=True,
    ),
    "IngestionAuthenticationFailed": Explanation(
        "The asset's storage did not accept the source's SAS or identity.", _READ_ACCESS, retried=True
    ),
    "ManagedIdentityInfoNotFound": Explanation(
        "The source names a managed identity that is not attached to the GeoCatalog.",
        "Attach it (az planetarycomputer geocatalog identity assign) and give it Storage Blob Data Reader on the "
        "container; then `geocatalog resume`.",
        retried=True,
    ),
    "RoleBasedAccessDeny": Explanation(
        "The source's managed identity lacks a role on the asset's storage.",
        "Give it Storage Blob Data Reader on the container; roles take some minutes to act. Then `geocatalog resume`.",
        retried=True,
    ),
    "CollectionDoesNotExist": Explanation(
        "The item's collection is not in GeoCatalog.",
        "Create it with `geocatalog apply`, or send the item to another with `geocatalog enqueue --collection`.",
        retried=True,
    ),
    # State
    "ItemAlreadyExistsInCollection": Explanation(
        "The item is in the collection already, and its message said if_exists=fail.",
        "Nothing, if it may stay as it is; otherwise enqueue it with --if-exists replace.",
    ),
    "NoRecordsToDelete": Explanation("What was to be deleted is not there.", "Nothing: it counts as deleted."),
    "NoRecordsToUpdate": Explanation("The item to replace is not there.", "Nothing: it is posted anew.", retried=True),
    "NoRecordsToPatch": Explanation("The item to patch is not there.", "Nothing: it is posted anew.", retried=True),
    "OperationNotExistsInCollection": Explanation(
        "GeoCatalog does not know the operation in this collection.", "Replay the item with `geocatalog replay`."
    ),
    "OperationIsCanceled": Explanation("The operation had been canceled.", "Replay the item with `geocatalog replay`."),
    "CanceledOperation": Explanation("The operation was canceled.", "Replay the item with `geocatalog replay`."),
    # The item or its assets
    "IngestionResourceUriNotFound": Explanation(
        "There is no file at an asset's href.", "Fix the href or put the file there, then enqueue the item again."
    ),
    "InvalidAssetHref": Explanation(
        "An asset's href is not an absolute URL.",
        "Give the full https URL of every asset, then enqueue the item again.",
    ),
    "EmptyAsset": Explanation("An asset's file is empty.", "Write the file again, then replay the item."),
    "InvalidStacCatalog": Explanation("The static catalog is not valid STAC.", "Fix it; `geocatalog validate` helps."),
    "InvalidGeoparquet": Explanation("The file is not valid STAC GeoParquet.", "Write it again."),
    "InvalidInputData": Explanation("GeoCatalog cannot read the input.", "Fix what the message names, enqueue again."),
    "ImportFileValidationFailed": Explanation("The file to import is not valid.", "Fix what the message names."),
    "AssetTransformationError": Explanation(
        "An asset could not be transformed.",
        "Check that the file opens (gdalinfo), or leave it out with --drop-assets.",
    ),
    "CogTransformationError": Explanation(
        "An asset could not be made a cloud-optimized GeoTIFF.",
        "Check that the file opens (gdalinfo), convert it to a COG, or leave it out with --drop-assets.",
    ),
    "ItemTransformationError": Explanation("The item could not be transformed.", "Fix what the message names."),
    "StacValidationFailed": Explanation(
        "GeoCatalog does not take the item as STAC.",
        "Fix what the message names; if it names an extension, try the item without it.",
    ),
    "ItemSizeExceeded": Explanation("The item's JSON is over 1 MB.", "Move large properties into an asset."),
    "TotalAssetsExceeded": Explanation("The item has more than 100 assets.", "Leave some out with --drop-assets."),
    "PostItemCollectionSizeExceeded": Explanation("Too many items in one request.", "Send them one by one."),
    "PatchValidation": Explanation("The patch is not valid.", "Send the whole item."),
    "ErrorsInBatchOperation": Explanation("Some items of a batch failed.", "Send them one by one to see which."),
    # The app's own
    "BadMessage": Explanation(
        "A message could not be understood.", "Fix its fields (docs/messages.md) and send it again.", "app"
    ),
    "BadId": Explanation(
        "An id holds characters that GeoCatalog does not take, or is too long.",
        "Items: 1 to 149 of A-Z a-z 0-9 - _ + , ( ) . — collections: A-Z a-z 0-9 - _ . — then send it again.",
        "app",
    ),
    "HrefRefused": Explanation(
        "The app may not fetch the message's href.",
        "Add its host to ALLOWED_HREF_HOSTS, put the file into container incoming, or enqueue the file itself.",
        "app",
    ),
    "HrefNotFound": Explanation("There is nothing at the message's href.", "Put the file there and send again.", "app"),
    "HrefTooLarge": Explanation(
        "The file at the href is one very large JSON document.", "Send newline-delimited Items instead.", "app"
    ),
    "HrefNotStac": Explanation(
        "What the message's href leads to is not STAC.",
        "It must be a STAC Item, an ItemCollection or newline-delimited Items.",
        "app",
    ),
    "InvalidStac": Explanation(
        "The item or collection is not valid STAC.", "Fix what the message names, then enqueue it again.", "app"
    ),
    "ItemTooLarge": Explanation("The item's JSON is over 1 MB.", "Move large properties into an asset.", "app"),
    "TooManyAssets": Explanation(
        "The item has more than 100 assets.", "Leave some out with --drop-assets (field drop_assets).", "app"
    ),
    "BadAsset": Explanation(
        "An asset's key or href is not one GeoCatalog takes.", "Fix what the message names, or drop the asset.", "app"
    ),
    "SignatureEnded": Explanation(
        "An asset's href carries a SAS of its own that has ended, and its container has no ingestion source.",
        "Enqueue the item with hrefs that are signed anew; or add a source (`geocatalog sources add`) and replay it.",
        "app",
    ),
    "ManagedItem": Explanation(
        "The item was read back from GeoCatalog, so its hrefs lead into GeoCatalog's own storage.",
        "Send the original item with the source's hrefs.",
        "app",
    ),
    "NotConfirmed": Explanation(
        "A deletion of a whole collection did not repeat its id.", "Repeat the id under confirm (--confirm ID).", "app"
    ),
    "RefusedByGeoCatalog": Explanation("GeoCatalog refused the request.", "Fix what the message names.", "app"),
    "ConfigurationRefused": Explanation(
        "A part of the collection's configuration was refused; the others were applied.",
        "`geocatalog plan FILE` shows what is open; fix the part that the message names and apply again.",
        "app",
    ),
    "Unauthenticated": Explanation(
        "GeoCatalog did not accept the app's token.",
        "Check GEOCATALOG_SCOPE and the app's identity (`geocatalog doctor`).",
        "app",
        retried=True,
    ),
    "Forbidden": Explanation(
        "The app's identity lacks a role.",
        "Give it GeoCatalog Administrator on the GeoCatalog; roles take some minutes to act. Then `geocatalog resume`.",
        "app",
        retried=True,
    ),
    "SettingsError": Explanation(
        "A setting of the app is missing or malformed.", "Fix what the message names (`geocatalog doctor`).", "app"
    ),
    "WrongAddress": Explanation(
        "No GeoCatalog answers at GEOCATALOG_URL.", "Correct GEOCATALOG_URL (`geocatalog doctor`).", "app"
    ),
    "Unavailable": Explanation("GeoCatalog or a host did not answer.", _PASSES, "app", retried=True),
    "Throttled": Explanation("GeoCatalog asked to wait.", _PASSES, "app", retried=True),
    "LostResponse": Explanation(
        "A write was sent and no answer came; it may have been done.",
        "Nothing: what became of it is found out, and it is not done twice.",
        "app",
        retried=True,
    ),
    "StorageUnavailable": Explanation("The ingestion storage did not answer.", _PASSES, "app", retried=True),
    "RetryMaxAgeExceeded": Explanation(
        "It was tried again until RETRY_MAX_AGE and never succeeded.",
        "Fix what the message names, then replay it with `geocatalog replay`.",
        "app",
    ),
    "OperationLost": Explanation(
        "GeoCatalog no longer knows the operation, and the item is not there.", _PASSES, "app", retried=True
    ),
    "MissingInCatalog": Explanation(
        "The item was ingested, and `geocatalog verify` no longer found it in GeoCatalog: someone deleted it there.",
        "Enqueue it again, or let its feed bring it; `geocatalog verify COLLECTION --against SOURCE --repair` does so.",
        "app",
    ),
    "RepeatedCrash": Explanation(
        "Handling the message crashed the app again and again.",
        "Look at the app's log for the cause, then replay it with `geocatalog replay`.",
        "app",
    ),
    "Unexpected": Explanation(
        "The app met a fault of its own; it retries by itself.",
        "Look at the app's log for the traceback and report it.",
        "app",
        retried=True,
    ),
    "OperationCanceled": Explanation("The operation was canceled.", "Replay it with `geocatalog replay`.", "app"),
}

_UNKNOWN = Explanation(
    "GeoCatalog refused with a code that is not in the list.", "Fix what its message names, then enqueue again.", "app"
)


def find_explanation(code: str | None) -> Explanation | None:
    """Explains an error code.

    Args:
        code: such as `IngestionResourceForbidden`; letter case does not matter.

    Returns:
        The explanation; None for a code that is not known.
    """
    by_lower = {name.casefold(): explanation for name, explanation in EXPLANATIONS.items()}
    return by_lower.get((code or "").casefold())


def remedy(code: str | None) -> str:
    """Says what to do about an error code; for one that is not known, to read its message."""
    return (find_explanation(code) or _UNKNOWN).remedy if code else ""
