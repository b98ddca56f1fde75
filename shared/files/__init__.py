"""Files that messages name by URL: fetching them and reading items from them."""
