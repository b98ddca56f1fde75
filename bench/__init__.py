"""Benchmarks: the app against what people would use instead, on the local stack."""
