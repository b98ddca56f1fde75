"""Ingestion sources: what is wanted, issuing SAS tokens, renewal."""
