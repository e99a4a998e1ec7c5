"""Measures a model on the test split and decides whether it may serve."""
