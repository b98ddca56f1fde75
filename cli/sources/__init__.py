"""`geocatalog sources`: lists, adds and forgets ingestion sources."""
