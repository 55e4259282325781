"""Regions of one picture's feature maps to features: a model made of an image backbone."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import ops

from tb_keras.encoders.image.image_decoding import decode_image
from tb_keras.encoders.regions.roi_align import roi_align

_PICTURE_SIZE = 448  # height and width in pixels


def input_size(region_features: str, size: int | None) -> int | None:
    """Returns the input size of the backbone of regions, None for the encoder's own.

    Args:
        region_features: `"crops"` or `"pooled"`.
        size: the size if it is given.

    Raises:
        ValueError: `region_features` is neither.
    """
    if region_features not in ("crops", "pooled"):
        raise ValueError(
            f"`region_features` must be 'crops' or 'pooled'. Received: {region_features!r}"
        )
    return _PICTURE_SIZE if region_features == "pooled" and size is None else size


class RegionPooler(keras.Model):
    """A backbone that averages its feature maps over regions, not over the whole picture.

    The backbone runs once for all regions of a picture. Each of its global average poolings, one or
    several depths of the network, is replaced by `roi_align`; what follows them stays.

    Args:
        backbone: a functional model from pixels to features.

    Call arguments:
        pixels: float32 `(batch, height, width, 3)`.
        boxes: float32 `(batch, regions, 4)` xyxy in shares of the picture's width and height.

    Returns:
        Float32 `(batch, regions, feature_dim)`.

    Raises:
        ValueError: the backbone has no global average pooling.
    """

    def __init__(self, backbone: keras.Model):
        super().__init__(name="region_pooler", dtype="float32")
        pools = [
            layer
            for layer in backbone.layers
            if isinstance(layer, keras.layers.GlobalAveragePooling2D)
        ]
        if not pools:
            raise ValueError(
                "`encoder` must average feature maps over their positions, so that regions can be "
                "pooled. Received: one that does not"
            )
        self.feature_maps = keras.Model(backbone.input, [pool.input for pool in pools])
        # The identity makes a model of a backbone that ends with its pooling, too.
        pooled = [keras.Input(pool.output.shape[1:]) for pool in pools]
        joined = keras.Model([pool.output for pool in pools], ops.multiply(backbone.output, 1.0))
        self.finish = keras.Model(pooled, joined(pooled))
        self.feature_dim = backbone.output_shape[-1]

    def call(self, pixels, boxes, training=None):
        maps = self.feature_maps(at_least_one(pixels), training=False)
        batch, regions = tf.unstack(tf.shape(boxes)[:2])
        pooled = []
        for features in keras.tree.flatten(maps):
            features = tf.cast(features, tf.float32)[:batch]
            pooled.append(tf.reshape(roi_align(features, boxes), (-1, features.shape[-1])))
        rows = self.finish(pooled, training=False)
        return tf.reshape(rows, (batch, regions, self.feature_dim))


def squashed(image_bytes: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a picture to one size, whatever its aspect ratio.

    Args:
        image_bytes: scalar string tensor, the content of a file.
        height: height of the result in pixels.
        width: width of the result in pixels.

    Returns:
        Float32 `(height, width, 3)` pixels, and float32 `(2,)`, the picture's own width and height.
    """
    pixels = decode_image(image_bytes)
    size = tf.cast(tf.shape(pixels)[1::-1], tf.float32)
    return tf.image.resize(pixels, (height, width), antialias=True), size


def at_least_one(pixels: tf.Tensor) -> tf.Tensor:
    """Adds a stand-in to a batch of none: oneDNN's convolution returns an empty one unchanged."""
    count = tf.maximum(1 - tf.shape(pixels)[0], 0)
    return tf.concat([pixels, tf.zeros((count, *pixels.shape[1:]))], axis=0)
