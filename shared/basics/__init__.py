"""What every package uses: the clock, errors, JSON, redaction."""
