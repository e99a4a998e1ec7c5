"""Finds the model that is being served, for a candidate to be compared with."""
