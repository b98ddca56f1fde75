"""STAC documents: what is sent to GeoCatalog, made of what producers write."""
