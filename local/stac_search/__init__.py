"""A store of STAC items and a search over it, with the extensions that the emulated STAC APIs have."""
