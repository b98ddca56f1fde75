"""Ingests items: claim, submit, record, send multi-item files, resume."""
