"""Why TensorFlow sees no accelerator, in one sentence."""

import importlib.metadata

import pytest

from pipeline.kubeflow import gpu_check
from schemas.bad_input import BadInput


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])


def _with_cuda_packages(monkeypatch, there):
    def version(name):
        if not there:
            raise importlib.metadata.PackageNotFoundError(name)
        return "8.9"

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_the_cpu_image(monkeypatch):
    _with_cuda_packages(monkeypatch, False)
    with pytest.raises(BadInput, match=r"gpu_count is 1, and TensorFlow sees 0 .* This is the CPU image"):
        gpu_check.require(1, "gpu_count")


def test_a_node_without_a_driver(monkeypatch):
    _with_cuda_packages(monkeypatch, True)
    monkeypatch.setattr(gpu_check, "_cuda_version_of_driver", lambda: None)
    with pytest.raises(BadInput, match="There is no Nvidia driver in it"):
        gpu_check.require(1, "gpu_count")


def test_a_driver_that_is_too_old(monkeypatch):
    _with_cuda_packages(monkeypatch, True)
    monkeypatch.setattr(gpu_check, "_cuda_version_of_driver", lambda: (11, 4))
    with pytest.raises(BadInput, match=r"knows CUDA up to 11\.4, and TensorFlow here is built for 12"):
        gpu_check.require(1, "gpu_count")


def test_this_machine_is_asked_without_harm():
    found = gpu_check._cuda_version_of_driver()
    assert found is None or found[0] >= 9


def test_what_is_there_is_enough(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    gpu_check.require(1, "gpu_count")
