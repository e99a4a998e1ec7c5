"""Measuring a model on other data than its own, by what the gate measures with."""
