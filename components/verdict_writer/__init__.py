"""Writes down what the gate decided, before anything is pushed."""
