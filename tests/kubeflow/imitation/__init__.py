"""Kubeflow Pipelines' backend on this machine, with no cluster: what its driver gives a container, and how its launcher runs it.

It follows kubeflow/pipelines file by file, and `tests/kubeflow/test_captures.py` holds it against what the real driver gave.
"""
