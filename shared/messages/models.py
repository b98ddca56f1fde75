"""The messages of the queues `items`, `collections`, `deletions`, `blob-events` and `results`: their fields.

Producers may send base64 or plain text. A bare STAC Item or ItemCollection is a message of queue `items` too.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from shared.basics.clock import EARLIEST_MOMENT, LATEST_MOMENT
from shared.basics.redact import MAX_TEXT, redact


class QueueName(StrEnum):
    """The queues the app reads, and the one it announces outcomes on by default."""

    ITEMS = "items"
    COLLECTIONS = "collections"
    DELETIONS = "deletions"
    BLOB_EVENTS = "blob-events"
    RESULTS = "results"


# The queues whose messages the app handles; each has a poison queue.
WORK_QUEUES = tuple(queue for queue in QueueName if queue is not QueueName.RESULTS)


class IfExists(StrEnum):
    """What to do when GeoCatalog already holds the item."""

    REPLACE = "replace"
    SKIP = "skip"
    FAIL = "fail"

    @classmethod
    def _missing_(cls, value: object) -> "IfExists | None":
        """Find a word in another case: a serializer of enums writes `Replace`."""
        return next((member for member in cls if isinstance(value, str) and member.value == value.lower()), None)


# The fields one of which says where a collection's definition comes from.
DEFINITION_SOURCES = ("definition", "href", "planetary_computer")

# A blob's name has up to 1,024 characters, which are up to nine each in a URL, and the container's URL stands before it
# (learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata).
MAX_HREF = 10_240

# The largest number that a column of a table holds as a plain integer (Edm.Int32).
MAX_NUMBER = 2**31 - 1


def _storable(moment: datetime) -> datetime:
    if not EARLIEST_MOMENT <= moment <= LATEST_MOMENT:
        raise ValueError("it must lie between the years 1601 and 9998")
    return moment


def _written_out(moment: object) -> object:
    # A bare number would be taken for seconds or milliseconds since 1970, as its size suggests.
    if isinstance(moment, datetime) or (isinstance(moment, str) and "T" in moment):
        return moment
    raise ValueError("it must be a timestamp such as 2026-04-16T10:00:00Z")


# Redacted, since they go into rows, results and logs.
CorrelationId = Annotated[str, Field(max_length=200), AfterValidator(redact)]
FileName = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(redact)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_NUMBER)]
Flag = Annotated[bool, Field(strict=True)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_storable)]


class Message(BaseModel):
    """What messages of all queues carry; the fields below `traceparent` are kept by the app itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    correlation_id: Annotated[CorrelationId | None, Field(description="carried through to results")] = None
    traceparent: Annotated[str | None, Field(max_length=200, description="W3C trace context")] = None
    attempt: Annotated[Count | None, Field(description="kept by the app: times this was sent again")] = None
    first_enqueued: Annotated[
        Moment | None, Field(description="kept by the app: when the first message of this work came")
    ] = None
    retry_since: Annotated[Moment | None, Field(description="kept by the app: the start of the retry window")] = None
    crashes: Annotated[
        Count | None, Field(description="kept by the app: times this came back from the poison queue")
    ] = None


def _exactly_one(*names: str) -> ConfigDict:
    """Says in the JSON Schema what the validator of the same name checks: one field is given, the others not."""
    branches: list[JsonValue] = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names
    ]
    return ConfigDict(json_schema_extra={"oneOf": branches})


class ItemMessage(Message):
    """A message of queue `items`: one STAC Item, or a URL of one or of many."""

    model_config = _exactly_one("item", "href")

    item: Annotated[dict[str, Any] | None, Field(description="the STAC Item itself")] = None
    href: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_HREF,
            description="URL of a STAC Item, an ItemCollection or newline-delimited Items",
        ),
    ] = None
    collection: Annotated[str | None, Field(description="id of the target collection; default: the item's own")] = None
    if_exists: Annotated[IfExists, Field(description="what to do when GeoCatalog holds the item")] = IfExists.REPLACE
    force: Annotated[Flag, Field(description="ingest even if the same content is already there")] = False
    version_by: Annotated[
        str | None,
        Field(min_length=1, description="item property that orders versions, such as s2:generation_time"),
    ] = None
    drop_assets: Annotated[list[str], Field(description="asset keys to leave out")] = []
    ignore_properties: Annotated[
        list[str], Field(description="properties that do not count as a change of the item")
    ] = []
    source: Annotated[FileName | None, Field(description="kept by the app: the feed that the items come from")] = None
    offset: Annotated[Count | None, Field(description="kept by the app: items already sent from the file")] = None

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if (self.item is None) == (self.href is None):
            raise ValueError("give exactly one of item and href")
        return self


class Thumbnail(BaseModel):
    """A collection's thumbnail: a URL, or the image itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, **_exactly_one("href", "data"))

    href: Annotated[str | None, Field(description="URL of the image; in a file also a path beside it")] = None
    data: Annotated[str | None, Field(description="the image, base64")] = None
    media_type: Annotated[Literal["image/png", "image/jpeg", "image/webp"] | None, Field()] = None

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if (self.href is None) == (self.data is None):
            raise ValueError("give exactly one of href and data")
        return self


class CollectionMessage(Message):
    """A message of queue `collections`: how a collection should be."""

    model_config = _exactly_one(*DEFINITION_SOURCES)

    schema_: Annotated[str | None, Field(alias="$schema", description="for editors; not used by the app")] = None
    collection: Annotated[str | None, Field(description="id of the collection; default: the definition's")] = None
    definition: Annotated[dict[str, Any] | None, Field(description="the STAC Collection")] = None
    href: Annotated[str | None, Field(min_length=1, max_length=MAX_HREF, description="URL of the STAC Collection")] = (
        None
    )
    planetary_computer: Annotated[
        str | None,
        Field(min_length=1, description="id of an open Planetary Computer collection to take it from"),
    ] = None
    title: Annotated[str | None, Field(description="overrides the definition's own")] = None
    thumbnail: Thumbnail | None = None
    render_options: Annotated[list[dict[str, Any]] | None, Field(description="render options of the Explorer")] = None
    mosaics: Annotated[list[dict[str, Any]] | None, Field(description="mosaics of the Explorer")] = None
    tile_settings: Annotated[dict[str, Any] | None, Field(description="minZoom, maxItemsPerTile, …")] = None
    queryables: Annotated[list[dict[str, Any]] | None, Field(description="name, definition, data_type, …")] = None
    partition_type: Annotated[dict[str, Any] | None, Field(description='{"scheme": "none|year|month"}')] = None
    mosaic_info: Annotated[dict[str, Any] | None, Field(description="the Planetary Computer's own shape")] = None
    render_config: Annotated[dict[str, Any] | None, Field(description="the Planetary Computer's own shape")] = None
    prune: Annotated[Flag, Field(description="delete what GeoCatalog has and the message does not")] = False

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if sum(source is not None for source in (self.definition, self.href, self.planetary_computer)) != 1:
            raise ValueError("give exactly one of definition, href and planetary_computer")
        return self


class DeletionMessage(Message):
    """A message of queue `deletions`: one item, or a whole collection if `confirm` repeats its id."""

    model_config = _exactly_one("id", "confirm")

    collection: Annotated[str, Field(description="id of the collection")]
    id: Annotated[str | None, Field(description="id of the item to delete")] = None
    confirm: Annotated[str | None, Field(description="the collection's id again, to delete all of it")] = None

    @model_validator(mode="after")
    def _exactly_one_target(self) -> Self:
        if (self.id is None) == (self.confirm is None):
            raise ValueError("give exactly one of id and confirm")
        return self


class BlobEventMessage(Message):
    """An event of queue `blob-events` that the app sent again; Event Grid sends the bare event."""

    event: Annotated[dict[str, Any], Field(description="the event of Event Grid, in its own schema or as a CloudEvent")]
