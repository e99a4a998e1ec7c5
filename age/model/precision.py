"""In which numbers a network computes while it is trained: 32 bits, or 16 where the hardware is faster with them.

Weights are kept in 32 bits under every precision, so that the same network answers in 32 bits once it is trained.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Literal

import keras
import tensorflow as tf

from schemas.bad_input import BadInput

Policy = Literal["float32", "mixed_bfloat16", "mixed_float16"]
"""Names of Keras' dtype policies."""

Setting = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]

_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
_WIDE = 256
_AMPERE, _VOLTA = (8, 0), (7, 0)


def _cpu_computes_bfloat16(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Returns whether the processor multiplies bfloat16 itself, as Linux lists its abilities; False where that is not told."""
    try:
        with open(cpuinfo, encoding="utf-8") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return False
    return not _CPU_FLAGS.isdisjoint(flags.split())


def _gains_on_cpu(backbone: Sequence[keras.layers.Layer]) -> bool:
    """Returns whether a network's time goes into wide, dense convolutions, which gain most from bfloat16 on a CPU.

    With AVX512-BF16 a training step of ResNet50 took 1.32 to 1.47 times less, one of MobileNet, whose depthwise convolutions
    only move memory, no less; a narrow network gains little, and trains in no time anyway.
    """
    convolutions = [layer for layer in backbone if isinstance(layer, keras.layers.Conv2D)]
    separable = keras.layers.DepthwiseConv2D | keras.layers.SeparableConv2D
    return (
        not any(isinstance(layer, separable) for layer in backbone)
        and max((layer.filters for layer in convolutions), default=0) >= _WIDE
    )


def chosen(setting: Setting, backbone: Sequence[keras.layers.Layer]) -> Policy:
    """Returns the precision in which a network is trained on this machine.

    Args:
        setting: `auto`, or a precision, which is taken.
        backbone: the layers of the backbone.

    Raises:
        BadInput: float16 without a GPU.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if setting == "mixed_float16" and not gpus:
        raise BadInput(
            "trainer.precision is mixed_float16 and TensorFlow sees no GPU, the only hardware that is fast with it. Expected "
            "auto, float32 or mixed_bfloat16."
        )
    if setting != "auto":
        return setting
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        generation = min(each.get("compute_capability", (0, 0)) for each in details)
        return "mixed_bfloat16" if generation >= _AMPERE else "mixed_float16" if generation >= _VOLTA else "float32"
    return "mixed_bfloat16" if _cpu_computes_bfloat16() and _gains_on_cpu(backbone) else "float32"


def _compute_in(policy: Policy, layers: Sequence[keras.layers.Layer]) -> None:
    for layer in layers:
        for each in layer._flatten_layers():
            each.dtype_policy = policy


@contextlib.contextmanager
def computing_in(policy: Policy, layers: Sequence[keras.layers.Layer]) -> Iterator[None]:
    """Lets layers compute in a precision, and in float32 again afterwards; what is compiled meanwhile keeps to it.

    Args:
        policy: the precision.
        layers: built in float32.
    """
    _compute_in(policy, layers)
    try:
        yield
    finally:
        _compute_in("float32", layers)


def scaled(optimizer: keras.optimizers.Optimizer, policy: Policy) -> keras.optimizers.Optimizer:
    """Returns the optimizer for a precision: float16 alone needs its loss scaled, lest small gradients become zero."""
    return keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer
