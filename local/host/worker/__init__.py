"""The worker: its program, and the host's side of it."""
