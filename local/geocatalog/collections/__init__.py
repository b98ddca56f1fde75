"""Collections of the emulated GeoCatalog and their configuration."""
