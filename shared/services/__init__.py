"""Clients of the services that the app calls."""
