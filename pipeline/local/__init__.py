"""Runs the graph on this machine, with its metadata in a file."""
