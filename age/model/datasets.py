"""What every `tf.data` pipeline of the Trainer has in common."""

import tensorflow as tf


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the dataset without tf.data's automatic tuning; what is left to it works in as many threads as there are cores.

    When an iterator ends, TensorFlow waits for the thread that tunes it, which sleeps for up to a minute and is not always
    woken (seen in 2.16: the end of `RootDataset::Iterator` waits for `Model::OptimizeLoop`). An epoch of 43 s was followed by 38 s
    of nothing. There is little to tune: how far ahead these pipelines read is fixed.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
