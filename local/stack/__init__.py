"""The local stack: its parts, how they start and stop, its settings."""
