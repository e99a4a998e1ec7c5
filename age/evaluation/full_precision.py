"""Has TensorFlow compute with all 32 bits while a model is evaluated.

On newer GPUs convolutions keep 10 bits of each factor (TensorFloat-32) unless they are told otherwise. That is fine for training, and
too coarse for answers that the same model on a processor must come to within a hundredth of a year of (`age/serving/canary.py`).
"""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Switches TensorFloat-32 off in this process while the context lasts."""
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
