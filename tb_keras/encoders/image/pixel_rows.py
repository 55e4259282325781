"""Pixels as rows, and an image encoder that takes them: for one that is trained from pixels on."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tb_keras.encoders.block_split import split_blocks
from tb_keras.encoders.shortened_names import ALL_BLOCKS


def pixel_rows(backbone: keras.Model) -> keras.Model:
    """Returns a model from what a backbone takes to rows of pixels, whole numbers in [0, 255].

    Args:
        backbone: a model from float pixels `(batch, height, width, 3)` in [0, 255].

    Returns:
        A model to float32 `(batch, height * width * 3)`, whose values fit uint8.
    """
    whole = ops.round(ops.clip(backbone.input, 0.0, 255.0))
    rows = keras.layers.Flatten(dtype="float32", name="pixel_rows")(whole)
    return keras.Model(backbone.input, rows, name="backbone")


def from_pixel_rows(
    backbone: keras.Model, trained_blocks: int = ALL_BLOCKS, augmented: bool = False
) -> keras.Model:
    """Returns a backbone as a model from the rows of `pixel_rows`, to be trained with a network.

    Batch norms keep their statistics and weights, as is usual where a pretrained network is trained
    on few pictures.

    Args:
        backbone: a model from float pixels `(batch, height, width, 3)` in [0, 255] to features
            `(batch, feature_dim)`. What is not trained of it is frozen in place.
        trained_blocks: how many of its last blocks are trained, as in `split_blocks`, or
            `ALL_BLOCKS`.
        augmented: whether each picture is mirrored, enlarged, shifted and lit at random while
            training.

    Raises:
        ValueError: as in `split_blocks`.
    """
    shape = backbone.input_shape[1:]
    rows = keras.Input((int(np.prod(shape)),), name="rows")
    pixels = keras.layers.Reshape(shape, name="pixels")(rows)
    if augmented:
        pixels = Augmentation(name="augmentation")(pixels)
    for layer in backbone._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    if trained_blocks == ALL_BLOCKS:
        return keras.Model(rows, backbone(pixels), name="upper")
    lower, upper = split_blocks(backbone, trained_blocks)
    lower.trainable = False
    return keras.Model(rows, upper(lower(pixels)), name="upper")


@keras.saving.register_keras_serializable(package="tb_keras")
class Augmentation(keras.layers.Layer):
    """A layer that mirrors, enlarges, shifts and lights pictures at random while training.

    Outside of training it changes nothing, also where `training` is left out; Keras's own layers
    then change the pictures.

    Call arguments:
        inputs: float `(batch, height, width, 3)`, pixels in [0, 255].
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        layers = keras.layers
        self.changes = [
            layers.RandomFlip("horizontal"),
            layers.RandomZoom((-0.4, 0.0)),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomBrightness(0.2),
            layers.RandomContrast(0.2),
        ]

    def build(self, input_shape):
        for change in self.changes:
            change.build(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        if training:
            for change in self.changes:
                inputs = change(inputs, training=True)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape
