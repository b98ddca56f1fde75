"""Compares table `status` with GeoCatalog and with a source, and repairs what is missing: `geocatalog verify`."""
