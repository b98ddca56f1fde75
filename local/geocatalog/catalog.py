"""Everything one emulated GeoCatalog is made of."""

from dataclasses import dataclass, field
from enum import StrEnum

from starlette.requests import Request

from local.basics.database import open_database
from local.geocatalog.behavior import Behavior
from local.geocatalog.collections.collections import Collections
from local.geocatalog.decisions import Decisions
from local.geocatalog.http.request_log import RequestLog
from local.geocatalog.ingestions.catalogs import CatalogImport, Definitions
from local.geocatalog.ingestions.operations import Operations
from local.geocatalog.ingestions.sources import Sources
from local.geocatalog.items.assets import AssetReader
from local.geocatalog.items.ingestion import CopyingCopier, Ingestion, TrustingCopier
from local.geocatalog.storage.signing import Signer
from local.geocatalog.storage.storage import AzureManagedStorage, ImaginaryManagedStorage, ManagedStorage
from local.geocatalog.threads import Threads
from local.stac_search.item_store import ItemStore

# The identity that `GET /inma/ingestion-sources/managed-identities` lists where none is named.
DEFAULT_MANAGED_IDENTITY = "5f3c1a52-7d0e-4b61-9c8e-2a64d1f0b7e3"


class AssetMode(StrEnum):
    """What happens to the assets of an ingested item."""

    COPY = "copy"  # each is read and copied to managed storage
    TRUST = "trust"  # addresses are believed, nothing is read


@dataclass(frozen=True, slots=True)
class Options:
    """How the emulator was started.

    Attributes:
        storage: Connection string of the account that is managed storage; None for imaginary storage.
        assets: What happens to assets.
        check_tokens: Whether bearer tokens are checked.
        managed_identities: Object ids of the GeoCatalog's identities.
        decisions: The decisions to start with.
    """

    storage: str | None = field(default=None, repr=False)
    assets: AssetMode = AssetMode.COPY
    check_tokens: bool = True
    managed_identities: tuple[str, ...] = (DEFAULT_MANAGED_IDENTITY,)
    decisions: Decisions = field(default_factory=Decisions)


class Catalog:
    """The parts, each with the others it needs.

    Args:
        options: How the emulator was started.

    Raises:
        ValueError: The connection string is wrong, or assets cannot be copied for want of storage.
    """

    def __init__(self, options: Options) -> None:
        if options.storage is None and options.assets is AssetMode.COPY:
            raise ValueError("assets can be copied only into storage: give its connection string")
        self.options = options
        self.behavior = Behavior(options.decisions)
        self.requests = RequestLog()
        self.threads = Threads()
        self.storage: ManagedStorage = (
            ImaginaryManagedStorage() if options.storage is None else AzureManagedStorage(options.storage)
        )
        self.database = open_database()
        self.items = ItemStore(self.database)
        self.operations = Operations(self.database, self.behavior)
        self.collections = Collections()
        self.sources = Sources()
        self.definitions = Definitions()
        self.signer = Signer(self.collections, self.storage, self.threads)
        self.reader = AssetReader(
            self.sources, self.storage, self.behavior, [one.lower() for one in options.managed_identities]
        )
        copier = (
            CopyingCopier(self.reader, self.storage, self.threads)
            if options.assets is AssetMode.COPY
            else TrustingCopier(self.storage)
        )
        self.ingestion = Ingestion(
            collections=self.collections,
            items=self.items,
            storage=self.storage,
            copier=copier,
            threads=self.threads,
            behavior=self.behavior,
        )
        self.catalog_import = CatalogImport(self.reader, self.ingestion, self.items, self.threads)

    async def stop(self) -> None:
        """End what is under way and forget everything."""
        await self.operations.stop()
        self.threads.stop()
        self.reader.close()
        self.database.close()


def catalog_of(request: Request) -> Catalog:
    """Give the catalogue that a request is for."""
    catalog: Catalog = request.app.state.catalog
    return catalog
