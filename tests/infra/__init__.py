"""Checks of what is deployed, without Azure: syntax, names, roles, and that code, infra and docs agree."""
