"""Feeds: collections that fill themselves from a STAC API."""
