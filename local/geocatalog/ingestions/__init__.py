"""Ingestion sources, definitions, runs and operations of the emulated GeoCatalog."""
