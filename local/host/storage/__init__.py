"""The host's storage: connections, retries, errors, its own blobs."""
