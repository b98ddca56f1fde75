"""The messages of the queues."""
