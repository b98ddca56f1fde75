"""The `geocatalog` command for producers and operators."""
