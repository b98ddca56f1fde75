"""Searching the emulated GeoCatalog."""
