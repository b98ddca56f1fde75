"""Reads GeoCatalog: `search` and `download`."""
