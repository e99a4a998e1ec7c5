"""Pushes a blessed model to a serving directory that may be a pipeline parameter."""
