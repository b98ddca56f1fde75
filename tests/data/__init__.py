"""Data that tests share: valid documents to start from, and malformed ones with what is expected of them."""
