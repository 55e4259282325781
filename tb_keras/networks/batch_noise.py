"""Dropout and noise that replicas of a network draw for the whole batch."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from tb_keras.networks.own_rows import own_rows


@keras.saving.register_keras_serializable(package="tb_keras")
class BatchDropout(keras.layers.Dropout):
    """Keras's dropout, which several replicas can draw as one.

    Attributes:
        synchronized: whether each of several replicas draws for the rows of all, from the same
            state, and takes what belongs to its own rows. All of them together then drop what one
            device drops. False at first, as in `keras.layers.BatchNormalization`.

    Examples:
        >>> layer = BatchDropout(0.5)
        >>> layer(keras.ops.ones((2, 3)), training=False).numpy().sum()
        np.float32(6.0)
    """

    synchronized = False

    def call(self, inputs, training=False):
        draw = super().call
        if not (self.synchronized and training and self.rate):
            return draw(inputs, training=training)
        return inputs * _of_own_rows(draw, inputs, tf.ones)


@keras.saving.register_keras_serializable(package="tb_keras")
class BatchNoise(keras.layers.GaussianNoise):
    """Keras's Gaussian noise, which several replicas can draw as one, as in `BatchDropout`.

    Examples:
        >>> BatchNoise(0.5)(keras.ops.ones((2, 3)), training=False).numpy().sum()
        np.float32(6.0)
    """

    synchronized = False

    def call(self, inputs, training=False):
        draw = super().call
        if not (self.synchronized and training and self.stddev):
            return draw(inputs, training=training)
        return inputs + _of_own_rows(draw, inputs, tf.zeros)


def _of_own_rows(draw: Callable, inputs, filled: Callable):
    """Returns what `draw` makes of a whole batch of equal values, for the replica's own rows."""
    context = tf.distribute.get_replica_context()
    rows = inputs.shape[0] * context.num_replicas_in_sync
    return own_rows(draw(filled((rows, *inputs.shape[1:]), inputs.dtype), training=True))
