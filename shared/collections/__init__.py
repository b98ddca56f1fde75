"""Brings a collection to the form that its message wants, and deletes collections."""
