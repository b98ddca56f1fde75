"""Prepares the item of a message, or says why that can never be ingested: for ingestion, and for whoever compares."""

import hashlib
from dataclasses import dataclass
from typing import Any

from shared.basics.errors import BadContent
from shared.basics.json_codec import canonical_json
from shared.clients import Clients
from shared.messages.models import ItemMessage
from shared.records.source_store import source_key
from shared.sources.signed_hrefs import without_covered_signatures
from shared.stac.items import PreparedItem, prepare_item


@dataclass(frozen=True)
class Preparation:
    """What became of an item.

    Attributes:
        prepared: the item as it is sent; None for bad content.
        fault: why the content can never be ingested; None where it can.
        content_hash: that of the content, bad content included.
    """

    prepared: PreparedItem | None
    fault: BadContent | None
    content_hash: str


def prepared_for(item: dict[str, Any], message: ItemMessage, collection: str, app: Clients) -> Preparation:
    """Prepare the item of a message.

    Args:
        item: the STAC Item; it is not changed.
        message: the fields of the message that carried or named it.
        collection: id of the target collection.
        app: the clients.

    Raises:
        azure.core.exceptions.AzureError: the table of sources could not be read.
    """
    try:
        prepared = prepare_item(
            without_covered_signatures(
                item,
                lambda container: app.sources.get(source_key(container)),
                dropped=message.drop_assets,
                wanted_margin=app.settings.sas_renewal_margin,
                now=app.now(),
            ),
            collection=collection,
            drop_assets=message.drop_assets,
            version_by=message.version_by,
            ignore_properties=message.ignore_properties,
            planetary_computer_url=app.settings.planetary_computer_url,
        )
    except BadContent as error:
        return refused(item, collection, error)
    return Preparation(prepared, None, prepared.content_hash)


def refused(item: dict[str, Any], collection: str, fault: BadContent) -> Preparation:
    """Return what became of an item that can never be ingested.

    Args:
        item: the STAC Item, as far as it was read.
        collection: id of the target collection.
        fault: why.
    """
    # Of the item alone, so that the same bad content is known again whichever message brings it.
    content = canonical_json({"fault": {**item, "collection": collection}})
    return Preparation(None, fault, hashlib.sha256(content).hexdigest())
