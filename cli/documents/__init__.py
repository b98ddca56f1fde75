"""Reads STAC documents from files, folders, standard input and the web."""
