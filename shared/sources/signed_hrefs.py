"""Asset hrefs that carry a SAS of their own: which have ended, and which are not needed since a source covers them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shared.basics.blob_urls import BlobUrl, parse_blob_url
from shared.basics.clock import format_timestamp, parse_timestamp
from shared.basics.errors import BadContent, ErrorCode
from shared.sources.margin import renewal_margin
from shared.sources.specs import SourceKind
from shared.stac.urls import unsigned

# Assets that a sentence names.
_SHOWN = 3


@dataclass(frozen=True)
class SignedHref:
    """An asset whose href is that of a blob with a SAS.

    Attributes:
        asset: key of the asset.
        href: the href without its SAS; `snapshot` and `versionid` stay.
        container: the container that the blob lies in.
        ends: when the SAS ends; None where it does not say.
    """

    asset: str
    href: str
    container: BlobUrl
    ends: datetime | None

    def has_ended(self, now: datetime) -> bool:
        """Tell whether the SAS has ended."""
        return self.ends is not None and self.ends <= now


def signed_hrefs(item: Mapping[str, Any], dropped: Collection[str] = ()) -> list[SignedHref]:
    """Return the assets of an item whose hrefs carry a SAS.

    Args:
        item: the STAC Item, which may be malformed.
        dropped: keys of assets that are not sent.
    """
    assets = item.get("assets")
    entries = assets.items() if isinstance(assets, dict) else ()
    found = (_signed_href(str(key), asset) for key, asset in entries if key not in dropped and isinstance(asset, dict))
    return [signed for signed in found if signed]


def _signed_href(key: str, asset: Mapping[str, Any]) -> SignedHref | None:
    href = asset.get("href")
    if not isinstance(href, str) or "sig=" not in href:
        return None
    blob = parse_blob_url(href)
    if blob is None:
        return None
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(href).query).items()}
    if not {"sig", "sv"} <= query.keys():  # every SAS has both; another service's signature is left alone
        return None
    try:
        ends = parse_timestamp(query["se"]) if "se" in query else None
    except ValueError:
        ends = None
    return SignedHref(key, unsigned(href), replace(blob, blob=""), ends)


def without_covered_signatures(
    item: dict[str, Any],
    source_of: Callable[[BlobUrl], Mapping[str, Any] | None],
    *,
    dropped: Collection[str],
    wanted_margin: timedelta,
    now: datetime,
) -> dict[str, Any]:
    """Return an item without the SAS of those hrefs whose container has an ingestion source that serves instead.

    A SAS in an href ends while the item waits, and GeoCatalog uses it in place of the source's. It is removed only
    where the source is in place and outlives the operation; otherwise it is all that opens the asset.

    Args:
        item: the STAC Item; it is not changed.
        source_of: reads the row of a container's source.
        dropped: keys of assets that are not sent.
        wanted_margin: setting SAS_RENEWAL_MARGIN.
        now: the present moment.

    Raises:
        BadContent: a SAS has ended, and its container has no source that could serve instead.
    """
    signed = signed_hrefs(item, dropped)
    if not signed:
        return item
    rows = {container: source_of(container) for container in {found.container for found in signed}}
    lost = [found for found in signed if found.has_ended(now) and rows[found.container] is None]
    if lost:
        raise BadContent(
            f"{explain_ended(lost)} Sign it anew, or leave the signature out and add an ingestion source of container "
            f"{lost[0].container.container_url}.",
            code=ErrorCode.SIGNATURE_ENDED,
        )
    covered = {found.asset: found.href for found in signed if is_covering(rows[found.container], wanted_margin, now)}
    assets = {
        key: {**asset, "href": covered[key]} if key in covered else asset for key, asset in item["assets"].items()
    }
    return {**item, "assets": assets}


def is_covering(row: Mapping[str, Any] | None, wanted_margin: timedelta, now: datetime) -> bool:
    """Tell whether a source is in place and outlives an operation that begins now.

    A SAS that is renewed as it should be always has more than its margin left, but for the minutes until the next run
    of the renewal: half of the margin is longer than these, and than an operation takes.

    Args:
        row: the source's row in table `sources`; None where there is none.
        wanted_margin: setting SAS_RENEWAL_MARGIN.
        now: the present moment.
    """
    if row is None or not row.get("source_id"):
        return False
    if row.get("kind") == SourceKind.MANAGED_IDENTITY:
        return True
    expires_at: datetime | None = row.get("expires_at")
    if expires_at is None:
        return False
    life = expires_at - row.get("renewed_at", now)
    return expires_at - now > renewal_margin(life, wanted_margin) / 2


def explain_ended(ended: Sequence[SignedHref]) -> str:
    """Return a sentence on assets whose own SAS has ended.

    Args:
        ended: the assets, at least one.
    """
    names = ", ".join(found.asset[:80] for found in ended[:_SHOWN])
    more = f" and {len(ended) - _SHOWN} more" if len(ended) > _SHOWN else ""
    first = min(moment for moment in _ends(ended))
    one = len(ended) == 1
    return (
        f"The href{'' if one else 's'} of asset{'' if one else 's'} {names}{more} {'carries' if one else 'carry'} a "
        f"signature (SAS) of {'its' if one else 'their'} own, which ended at {format_timestamp(first)}."
    )


def _ends(ended: Sequence[SignedHref]) -> Iterator[datetime]:
    return (found.ends for found in ended if found.ends)
