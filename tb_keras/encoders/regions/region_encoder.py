"""Image files and boxes to the features of regions, as one model for export."""

from __future__ import annotations

import keras
import tensorflow as tf

from tb_keras.checks.rows import assert_rows
from tb_keras.encoders.image.image_decoding import decode_image
from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.encoders.image.image_rows import map_images
from tb_keras.encoders.regions.region_cropping import crop_regions
from tb_keras.encoders.regions.region_pooling import (
    RegionPooler,
    at_least_one,
    input_size,
    squashed,
)


class RegionEncoder(keras.Model):
    """A model that gives the features of `tb_keras.features.encode_regions` inside the graph.

    Args:
        encoder: a name that `tb_keras.encoders.image_encoder` takes.
        size: as in `encode_regions`.
        spatial: as in `encode_regions`.
        context: as in `encode_regions`.
        weights: as in `image_encoder`.
        region_features: as in `encode_regions`.

    Attributes:
        backbone: the model from pixels to features.
        feature_dim: size of the features.

    Call arguments:
        inputs: a dict of `image_bytes`, a string tensor `(batch,)` with the content of one image
            file each, and `boxes`, float32 `(batch, regions, 4)` xyxy in pixels. Boxes are cut off
            at the picture's edge. A box without area, or outside the picture, gives the nearest
            pixels; a box with exchanged corners gives the mirror image of its region (or, pooled,
            the region).

    Returns:
        Float32 `(batch, regions, feature_dim)`.

    Raises:
        tf.errors.InvalidArgumentError: a box has NaN or infinite corners, or a file cannot be
            decoded. The message names the positions in the batch.

    Examples:
        >>> encoder = RegionEncoder("keras.applications/MobileNetV2", size=32, weights=None)
        >>> png = tf.io.encode_png(tf.zeros((10, 10, 3), tf.uint8))
        >>> encoder({"image_bytes": png[None], "boxes": tf.ones((1, 2, 4))}).shape
        TensorShape([1, 2, 1285])
    """

    def __init__(
        self,
        encoder: str = "efficientnet_lite0_levels",
        size: int | None = None,
        spatial: bool = True,
        context: bool = False,
        weights: str | None = "pretrained",
        region_features: str = "crops",
    ):
        # Boxes stay float32 under a mixed policy; the backbone keeps the policy's dtype.
        super().__init__(name="region_encoder", dtype="float32")
        size = input_size(region_features, size)
        self.backbone = image_encoder(encoder, weights=weights, size=size).get_layer("backbone")
        self.spatial, self.context = spatial, context
        dim = self.backbone.output_shape[-1]
        self.feature_dim = dim * (1 + context) + 5 * spatial
        self.pooler = RegionPooler(self.backbone) if region_features == "pooled" else None

    def call(self, inputs, training=None):
        image_bytes, boxes = inputs["image_bytes"], inputs["boxes"]
        finite = tf.reduce_all(tf.math.is_finite(boxes), axis=[1, 2])
        with tf.control_dependencies([assert_rows(finite, "`boxes` must hold finite numbers.")]):
            boxes = tf.identity(boxes)
        encode = self._of_crops if self.pooler is None else self._pooled
        features, sizes = encode(image_bytes, boxes)
        regions = tf.shape(boxes)[1]
        parts = [features[:, :regions]]
        if self.spatial:
            relative = boxes / tf.tile(sizes, (1, 2))[:, None]
            sides = relative[..., 2:] - relative[..., :2]
            parts += [relative[..., :2], sides, tf.reduce_prod(sides, axis=-1, keepdims=True)]
        if self.context:
            parts.append(tf.repeat(features[:, regions:], regions, axis=1))
        return tf.concat(parts, axis=-1)

    # Both return the features of the regions, and of the whole picture as one more for the context,
    # and the sizes of the pictures.

    def _of_crops(self, image_bytes, boxes):
        height, width = self.backbone.input_shape[1:3]

        def cropped(image_bytes, boxes):
            pixels = decode_image(image_bytes)
            size = tf.cast(tf.shape(pixels)[1::-1], tf.float32)
            if self.context:
                whole = tf.concat([tf.zeros(2), size], axis=0)
                boxes = tf.concat([boxes, whole[None]], axis=0)
            return crop_regions(pixels, boxes, height, width), size

        specs = (
            tf.TensorSpec((None, height, width, 3), tf.float32),
            tf.TensorSpec((2,), tf.float32),
        )
        crops, sizes = map_images(cropped, image_bytes, boxes, specs=specs)
        crops = tf.reshape(crops, (-1, height, width, 3))
        count = tf.shape(crops)[0]
        features = self.backbone(at_least_one(crops), training=False)[:count]
        batch, regions = tf.unstack(tf.shape(boxes)[:2])
        shape = (batch, regions + self.context, features.shape[-1])
        return tf.reshape(features, shape), sizes

    def _pooled(self, image_bytes, boxes):
        height, width = self.backbone.input_shape[1:3]
        specs = (
            tf.TensorSpec((height, width, 3), tf.float32),
            tf.TensorSpec((2,), tf.float32),
        )
        pixels, sizes = map_images(
            lambda content: squashed(content, height, width), image_bytes, specs=specs
        )
        boxes = boxes / tf.tile(sizes, (1, 2))[:, None]
        if self.context:
            whole = tf.tile([[[0.0, 0.0, 1.0, 1.0]]], (tf.shape(boxes)[0], 1, 1))
            boxes = tf.concat([boxes, whole], axis=1)
        return self.pooler(pixels, boxes), sizes
