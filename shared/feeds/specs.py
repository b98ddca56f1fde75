"""What a feed is: where to look, what for, and what to do with it, as FEEDS and table `feeds` describe it."""

import hashlib
import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.basics.errors import BadMessage
from shared.basics.json_codec import canonical_json, read_json, write_json
from shared.basics.nearest import nearest
from shared.messages.models import Flag, IfExists
from shared.settings import LOOPBACK_HOSTS
from shared.stac.cql import cql_fault
from shared.stac.ids import check_collection_id

# A name is a row key, part of a payload's record and of an item's `source`.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
# Headers that belong to the connection, not to whoever sends a key.
_OWN_HEADERS = frozenset({"host", "content-length", "content-type", "connection", "transfer-encoding", "cookie"})
# Settings that hold what no other server may see. A row of a table must not be able to send them anywhere.
_OWN_SETTINGS = re.compile(
    r"(INGEST_STORAGE|AZUREWEBJOBS|AZURE_|IDENTITY_|MSI_|APPLICATIONINSIGHTS|WEBSITE_|OTEL_|GEOCATALOG_)", re.IGNORECASE
)
_MOMENT = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?"
_DATETIME = re.compile(rf"({_MOMENT}|({_MOMENT}|\.\.)/({_MOMENT}|\.\.))", re.ASCII)
_BBOX_LENGTHS = frozenset({4, 6})
_SHORT_LOOK_BACK = timedelta(hours=1)
_LONG_LOOK_BACK = timedelta(days=30)
NEVER = "never"
# A text column holds 32,768 characters; a link to a next page repeats the query beside its token
# (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
_MAX_LENGTH = 16_000
# The fields that decide which items a feed finds and what becomes of them: a change of one begins the fill anew.
_OF_THE_QUERY = (
    "url", "collections", "bbox", "intersects", "datetime", "filter", "query", "collection", "drop_assets",
    "order_by", "ignore_properties",
)  # fmt: skip


class OrderBy(StrEnum):
    """The properties that items can be followed by, in the order of preference."""

    UPDATED = "updated"
    CREATED = "created"
    DATETIME = "datetime"
    START_DATETIME = "start_datetime"


# How far a pass reads back. `updated` and `created` are stamped when a catalogue takes an item, shortly before it shows
# it; the moment of a scene says nothing of when it is published, which can be weeks later.
LOOK_BACKS = {
    OrderBy.UPDATED: _SHORT_LOOK_BACK,
    OrderBy.CREATED: _SHORT_LOOK_BACK,
    OrderBy.DATETIME: _LONG_LOOK_BACK,
    OrderBy.START_DATETIME: _LONG_LOOK_BACK,
}


def _api_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_absolute = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # its words would show the value
        raise ValueError("is not a URL") from None
    if parts.username or parts.password or parts.query or parts.fragment or "?" in url:
        raise ValueError("must not hold a user name, a query or a fragment; send a key in a header, by auth")
    if parts.scheme not in {"http", "https"} or not is_absolute:
        raise ValueError("must be the absolute https URL of a STAC API's landing page")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https (loopback excepted)")
    return url.rstrip("/")


def _feed_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("must be 1 to 63 of A-Z a-z 0-9 - _ . and begin with a letter or digit")
    return name


def _target(collection: str) -> str:
    try:
        return check_collection_id(collection)
    except BadMessage as error:
        raise ValueError(error.message.rstrip(".")) from None


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("must be longer than nothing, such as P7D")
    return duration


def _not_negative(duration: timedelta) -> timedelta:
    if duration < timedelta(0):
        raise ValueError("must not be negative, such as PT1H")
    return duration


class Auth(BaseModel):
    """A key that an API wants in a header."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    setting: Annotated[str, Field(min_length=1, description="name of the app setting that holds the key")]
    header: Annotated[str, Field(description="the header it is sent in, such as X-Api-Key")]

    @field_validator("setting")
    @classmethod
    def _of_its_own(cls, name: str) -> str:
        if _OWN_SETTINGS.match(name):
            raise ValueError("must be a setting of its own; this one belongs to the app or the platform")
        return name

    @field_validator("header")
    @classmethod
    def _a_header(cls, name: str) -> str:
        if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise ValueError("must be the name of a header for a key, such as X-Api-Key or Authorization")
        return name


class FeedSpec(BaseModel):
    """One feed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, AfterValidator(_feed_name)]
    url: Annotated[str, AfterValidator(_api_url)]
    collections: Annotated[tuple[str, ...], Field(min_length=1)]
    collection: Annotated[str, AfterValidator(_target)]
    bbox: tuple[float, ...] | None = None
    intersects: dict[str, Any] | None = None
    datetime: str | None = None
    filter: dict[str, Any] | None = None
    query: dict[str, dict[str, Any]] | None = None
    drop_assets: tuple[str, ...] = ()
    version_by: Annotated[str | None, Field(min_length=1)] = None
    if_exists: IfExists = IfExists.REPLACE
    order_by: OrderBy | None = None
    look_back: Annotated[timedelta | None, AfterValidator(_not_negative)] = None
    full_pass: Annotated[timedelta, AfterValidator(_positive)] | str = timedelta(days=7)
    every: Annotated[timedelta, AfterValidator(_positive)] | None = None
    max_items_per_run: Annotated[int | None, Field(strict=True, ge=1)] = None
    # 1,000 is the most that many APIs give; the ids of a page must fit a column of table `feeds`.
    page_size: Annotated[int, Field(strict=True, ge=1, le=500)] = 250
    ignore_properties: tuple[str, ...] = ()
    auth: Auth | None = None
    paused: Flag = False

    @field_validator("full_pass")
    @classmethod
    def _a_duration_or_never(cls, value: timedelta | str) -> timedelta | str:
        if isinstance(value, str) and value != NEVER:
            raise ValueError("must be a duration such as P7D, or never")
        return value

    @field_validator("if_exists")
    @classmethod
    def _replace_or_skip(cls, value: IfExists) -> IfExists:
        if value is IfExists.FAIL:
            raise ValueError("must be replace or skip")
        return value

    @field_validator("datetime")
    @classmethod
    def _a_range(cls, text: str | None) -> str | None:
        if text is not None and not _DATETIME.fullmatch(text):
            raise ValueError("must be a moment or a range in RFC 3339, such as 2024-02-04T00:00:00Z/..")
        return text

    @field_validator("bbox")
    @classmethod
    def _a_box(cls, numbers: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if numbers is not None and len(numbers) not in _BBOX_LENGTHS:
            raise ValueError("must be 4 numbers (west, south, east, north in degrees), or 6 with heights")
        return numbers

    @field_validator("filter")
    @classmethod
    def _cql2(cls, expression: dict[str, Any] | None) -> dict[str, Any] | None:
        fault = cql_fault(expression) if expression is not None else None
        if fault:
            raise ValueError(fault.rstrip("."))
        return expression

    @model_validator(mode="after")
    def _one_area_one_condition(self) -> Self:
        if self.bbox is not None and self.intersects is not None:
            raise ValueError("give bbox or intersects, not both")
        if self.filter is not None and self.query is not None:
            raise ValueError("give filter or query, not both")
        if len(self.dumped()) > _MAX_LENGTH:
            raise ValueError(f"has more than {_MAX_LENGTH:,} characters of JSON; simplify its geometry or filter")
        return self

    @property
    def fingerprint(self) -> str:
        """A digest of what the feed finds and what becomes of it; a change of it begins the fill anew."""
        fields = self.model_dump(mode="json", include=set(_OF_THE_QUERY))
        return hashlib.sha256(canonical_json(fields)).hexdigest()

    @property
    def full_pass_every(self) -> timedelta | None:
        """The time from one full pass to the next; None for never."""
        return self.full_pass if isinstance(self.full_pass, timedelta) else None

    def look_back_for(self, order: OrderBy) -> timedelta:
        """Return how far before its watermark a pass begins."""
        return LOOK_BACKS[order] if self.look_back is None else self.look_back

    def dumped(self) -> str:
        """Return the feed as JSON text, without what was not given."""
        return write_json(self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)).decode()


def parse_feed(fields: Any) -> FeedSpec:  # noqa: ANN401 - whatever JSON was given
    """Read one feed.

    Raises:
        ValueError: it is wrong; the message names field and remedy.
    """
    if not isinstance(fields, dict):
        raise ValueError("must be a JSON object with name, url, collections and collection")  # noqa: TRY004 - as for every other fault
    try:
        return FeedSpec.model_validate(fields)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise ValueError(
            "; ".join(dict.fromkeys(_sentence(fault["loc"], fault["type"], fault["msg"]) for fault in faults))
        ) from None


def parse_feed_json(text: str) -> FeedSpec:
    """Read one feed from JSON text.

    Raises:
        ValueError: see parse_feed; or it is not JSON.
    """
    return parse_feed(read_json(text))


def _sentence(location: tuple[int | str, ...], kind: str, message: str) -> str:
    # Without the branch of a union, which says nothing to people.
    path = [str(part) for part in location if part != "str" and "function" not in str(part)]
    where = f"{'.'.join(path)}: " if path else ""
    if kind == "missing":
        return f"{where}is missing"
    if kind == "extra_forbidden":
        known = Auth.model_fields if path[:-1] == ["auth"] else FeedSpec.model_fields
        return f"{where}is no field of a feed{nearest(path[-1], known).removesuffix('.')}"
    return where + message.removeprefix("Value error, ")
