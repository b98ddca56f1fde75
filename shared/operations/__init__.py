"""Follows operations of GeoCatalog to their end and writes the outcomes."""
