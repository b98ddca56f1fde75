"""`geocatalog report`: one self-contained page on how the ingestion stands."""
