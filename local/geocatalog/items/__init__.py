"""Items of the emulated GeoCatalog: rules, ingestion, assets, storing."""
