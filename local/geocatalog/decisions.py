"""What is not known of the service, or differs between its sources: what the emulator does, and what else it can do."""

from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

# For the emulator of a whole local stack, whose command line has no option for it.
DECISIONS_SETTING = "LOCAL_GEOCATALOG_DECISIONS"

# The service's error codes page says 1 MB. Both readings of it: 2**20 bytes, and 10**6.
DEFAULT_MAX_ITEM_BYTES: Final = 1_048_576


class BadBatchMember(StrEnum):
    """What one bad member does to a posted FeatureCollection."""

    FAILED = "failed"  # good members are stored, the operation is Failed
    SUCCEEDED = "succeeded"  # good members are stored, the operation is Succeeded with a count of failures
    NOTHING_STORED = "nothing_stored"  # no member is stored, the operation is Failed


class Decisions(BaseModel):
    """Answers that are chosen here and can be switched.

    Attributes:
        api_version: Whether each request must name one; where it need not, the present version answers.
        duplicate_collection: Whether the POST of a collection that is there is refused, or fails in its operation.
        new_collection: Whether a new collection can be used at once, only when its operation has ended, or is made
            and answered with 201, without an operation.
        unknown_collection: Whether an item request for an unknown collection is refused, or fails in its operation.
        item_operations_start: The status of an item operation when it is first read.
        bad_batch_member: What one bad member does to a posted FeatureCollection.
        s3_href: Whether an asset with an `s3` href fails, or is kept with its href and without being read.
        max_item_bytes: The largest item, in bytes of its JSON.
        search_fields: Whether a search heeds `fields`, or answers with whole items.
        default_mosaic: Whether a new collection has a mosaic `default`.
        rewritten_configuration: Whether configuration is read back in another form than it was sent in.
    """

    model_config = ConfigDict(extra="forbid")

    api_version: Literal["required", "optional"] = "required"
    duplicate_collection: Literal[409, "operation"] = 409
    new_collection: Literal["at_once", "operation", 201] = "at_once"
    unknown_collection: Literal[404, "operation"] = 404
    item_operations_start: Literal["running", "pending"] = "running"
    bad_batch_member: BadBatchMember = BadBatchMember.FAILED
    s3_href: Literal["failed", "kept"] = "failed"
    max_item_bytes: Literal[1_048_576, 1_000_000] = DEFAULT_MAX_ITEM_BYTES
    search_fields: Literal["honored", "ignored"] = "honored"
    default_mosaic: bool = False
    rewritten_configuration: bool = False
