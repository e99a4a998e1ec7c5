"""Ends a run on Kubeflow as failed when its model was not blessed."""
