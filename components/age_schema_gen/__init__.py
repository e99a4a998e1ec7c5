"""Publishes the age schema of a run: the curated file and an entry for every attribute column."""
