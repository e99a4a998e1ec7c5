"""Tries the exported model as a server would have it, before it is pushed."""
