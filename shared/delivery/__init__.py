"""What is done with every message, whatever its queue: decoding, retries, dead letters, poison."""
