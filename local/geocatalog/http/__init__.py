"""What every request to the emulated GeoCatalog passes through."""
