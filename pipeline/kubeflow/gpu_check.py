"""Whether TensorFlow sees the accelerators that a step was given, and why not."""

import ctypes
import importlib.metadata

from schemas.bad_input import BadInput

_CUDA_PACKAGE = "nvidia-cudnn-cu12"
"""Comes with `tensorflow[and-cuda]`, hence with the GPU image and not with the CPU image."""


def require(count: int, where: str) -> None:
    """Fails at once when TensorFlow sees fewer GPUs than a step asked for: on its CPUs it would train for days.

    Args:
        count: how many were asked for.
        where: the setting that asked for them.

    Raises:
        BadInput: it sees fewer; the message says why.
    """
    import tensorflow as tf

    seen = len(tf.config.list_physical_devices("GPU"))
    if seen < count:
        raise BadInput(f"{where} is {count}, and TensorFlow sees {seen} in the step's container. {_reason(tf)}")


def _reason(tf) -> str:
    try:
        importlib.metadata.version(_CUDA_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return (
            "This is the CPU image: it has no CUDA packages. Build the image with --build-arg VARIANT=gpu and name it in "
            "kubeflow.steps.Trainer.image, or set gpu_count to 0."
        )
    wanted = tf.sysconfig.get_build_info().get("cuda_version", "12")
    driver = _cuda_version_of_driver()
    if driver is None:
        return (
            "There is no Nvidia driver in it: the node has none, or its device plugin gave the pod no device. Look at "
            "kubeflow.steps.Trainer.node_selector and gpu_type, and run nvidia-smi on the node."
        )
    return (
        f"The node's Nvidia driver knows CUDA up to {driver[0]}.{driver[1]}, and TensorFlow here is built for {wanted}: the driver "
        "is too old or does not work. Update it (nvidia-smi says its version), or choose other nodes with "
        "kubeflow.steps.Trainer.node_selector."
    )


def _cuda_version_of_driver() -> tuple[int, int] | None:
    """Returns the newest CUDA that the driver supports (`cuDriverGetVersion`), or None without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int(0)
    if driver.cuDriverGetVersion(ctypes.byref(version)) != 0:
        return None
    return version.value // 1000, version.value % 1000 // 10
