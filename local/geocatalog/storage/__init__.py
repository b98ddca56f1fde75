"""Managed storage of the emulated GeoCatalog."""
