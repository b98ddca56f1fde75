"""What `geocatalog feeds` does."""
