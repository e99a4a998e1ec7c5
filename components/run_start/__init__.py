"""Finds out, on Kubeflow, what a local run finds out before its graph is built."""
