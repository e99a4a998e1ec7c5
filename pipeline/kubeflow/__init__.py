"""The same pipeline on Kubeflow Pipelines: compiled to its specification, entered from its containers, submitted to it."""
