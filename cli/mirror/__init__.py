"""Mirrors a collection of a STAC API."""
