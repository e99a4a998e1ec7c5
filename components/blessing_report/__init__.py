"""Writes the verdict of a run, for machines and for people."""
