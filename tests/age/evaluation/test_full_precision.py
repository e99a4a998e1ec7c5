"""TensorFloat-32 is off while a model is evaluated, and as it was afterwards."""

import pytest
import tensorflow as tf

from age.evaluation.full_precision import full_precision

enabled = tf.config.experimental.tensor_float_32_execution_enabled


@pytest.mark.parametrize("before", [True, False])
def test_it_is_off_within_and_as_before_afterwards_also_after_a_failure(before):
    tf.config.experimental.enable_tensor_float_32_execution(before)
    try:
        with full_precision():
            assert not enabled()
        assert enabled() is before
        with pytest.raises(ValueError), full_precision():
            raise ValueError
        assert enabled() is before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)
