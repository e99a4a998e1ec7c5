"""Stops a run whose data break the schema, before any training starts."""
