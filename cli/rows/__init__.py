"""Reads the tables `status`, `deadletters` and `sources` for people and programs."""
