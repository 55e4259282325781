"""Data sets without the tuning thread of `tf.data`, whose end an iterator may have to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the data set with autotuning off.

    An iterator that tunes has a thread that looks again after 10 ms, then 20, and twice as long
    each time, up to a minute. When the iterator ends, it may fail to wake that thread and then
    waits until it next looks (seen in TensorFlow 2.21): an epoch of 2.6 s of training took 5.1 s.
    Nothing here needs tuning.

    Args:
        dataset: of any elements; the numbers of its parallel calls must be given.

    Examples:
        >>> import tensorflow as tf
        >>> untuned(tf.data.Dataset.range(3)).options().autotune.enabled
        False
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
