"""The rows of the tables, and the stores that read and write them."""
