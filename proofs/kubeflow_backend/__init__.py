"""Proves the compiled pipeline on Kubeflow Pipelines' real API server, driver and launcher, built from their source.

The other parts of a cluster are on this machine too, as real as they can be had; `installation.py` says which stand in.
"""
