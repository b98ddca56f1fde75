"""HTTP sessions and connections."""
