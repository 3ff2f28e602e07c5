"""Planned failures: rate limits, errors, lost requests and broken connections."""
