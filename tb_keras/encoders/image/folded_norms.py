"""Batch normalizations as part of the convolutions before them."""

from __future__ import annotations

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="tb_keras")
class ChannelBias(keras.layers.Layer):
    """A layer that adds a number to each channel, the last axis.

    TensorFlow computes a convolution, this and a ReLU after it at once.
    """

    def build(self, shape):
        self.bias = self.add_weight((shape[-1],), "zeros", name="bias")

    def call(self, maps, mask=None, training=None):  # as the normalization was called
        import tensorflow as tf

        return tf.nn.bias_add(maps, tf.cast(self.bias, maps.dtype))

    def compute_output_shape(self, shape):
        return shape


def with_folded_norms(model: keras.Model) -> keras.Model:
    """Returns a copy of a model that infers the same in less time.

    The scale of each batch normalization that follows a convolution goes into its kernel. What
    remains is a `ChannelBias` of the same name. The copy cannot be trained further in the same way.

    Args:
        model: a functional model.

    Examples:
        >>> inputs = keras.Input((8, 8, 3))
        >>> maps = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(inputs))
        >>> [type(layer).__name__ for layer in with_folded_norms(keras.Model(inputs, maps)).layers]
        ['InputLayer', 'Conv2D', 'ChannelBias']
    """
    folded = {
        layer.name: before for layer in model.layers if (before := _convolution(layer, model))
    }

    def copied(layer: keras.Layer) -> keras.Layer:
        if layer.name in folded:
            return ChannelBias(name=layer.name, dtype=layer.dtype_policy.name)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copied)
    for layer in model.layers:
        if layer.weights and layer.name not in folded:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    for name, convolution in folded.items():
        norm = model.get_layer(name)
        mean, variance = (np.float64(w) for w in (norm.moving_mean, norm.moving_variance))
        scale = (np.float64(norm.gamma) if norm.scale else 1.0) / np.sqrt(variance + norm.epsilon)
        offset = (np.float64(norm.beta) if norm.center else 0.0) - mean * scale
        kernel, *bias = (np.float64(weight) for weight in convolution.get_weights())
        shape = scale.shape
        if isinstance(convolution, keras.layers.DepthwiseConv2D):
            shape = kernel.shape[2:]  # channels, and outputs of each
        weights = [kernel * scale.reshape(shape), *(part * scale for part in bias)]
        copy.get_layer(convolution.name).set_weights(weights)
        copy.get_layer(name).set_weights([offset])
    return copy


def _convolution(layer: keras.Layer, model: keras.Model) -> keras.Layer | None:
    """Returns the convolution whose output a batch normalization alone takes, or None."""
    if not isinstance(layer, keras.layers.BatchNormalization) or len(layer._inbound_nodes) != 1:
        return None
    before = layer.input._keras_history.operation
    if not isinstance(before, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        return None
    alone = len(before._outbound_nodes) == 1 and len(before._inbound_nodes) == 1
    linear = before.activation is keras.activations.linear
    last = before.data_format == "channels_last" and layer.axis in (-1, 3)
    returned = any(before.output is output for output in model.outputs)
    return before if alone and linear and last and not returned else None
