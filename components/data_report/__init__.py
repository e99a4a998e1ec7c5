"""Writes what there is to know about the data, for a look at them without training."""
