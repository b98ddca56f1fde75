"""The version of the app, which what is deployed carries with it; pyproject.toml reads it here."""

VERSION = "0.1.0"
