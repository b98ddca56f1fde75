"""A stand-in for a Planetary Computer Pro GeoCatalog on one machine: its stac, inma and sas routes."""
