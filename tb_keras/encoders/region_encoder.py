"""Picture files and boxes to the features of regions, as one model for export."""

from __future__ import annotations

import keras
import tensorflow as tf

from tb_keras.encoders.image_decoding import decode_picture
from tb_keras.encoders.image_encoder import image_encoder
from tb_keras.encoders.region_cropping import crop_regions


class RegionEncoder(keras.Model):
    """Gives the features of `tb_keras.encoders.encode_regions` inside the graph.

    Args:
        encoder: a name that `tb_keras.encoders.image_encoder` takes.
        size: as in `encode_regions`, and so are `spatial` and `context`.
        spatial: see there.
        context: see there.
        weights: as in `image_encoder`.

    Call arguments:
        inputs: a dict of `image_bytes`, a string tensor `(batch,)` with the content of one picture
            file each, and `boxes`, float32 `(batch, regions, 4)` xyxy in pixels.

    Returns:
        Float32 `(batch, regions, feature_dim)`.

    Example:

    >>> encoder = RegionEncoder("keras.applications/MobileNetV2", size=32, weights=None)
    >>> png = tf.io.encode_png(tf.zeros((10, 10, 3), tf.uint8))
    >>> encoder({"image_bytes": png[None], "boxes": tf.ones((1, 2, 4))}).shape
    TensorShape([1, 2, 1285])
    """

    def __init__(
        self,
        encoder: str = "efficientnet_lite0",
        size: int | None = None,
        spatial: bool = True,
        context: bool = False,
        weights: str | None = "pretrained",
    ):
        # Boxes stay float32 under a mixed policy, and the backbone keeps the policy's.
        super().__init__(name="region_encoder", dtype="float32")
        self.backbone = image_encoder(encoder, weights=weights, size=size).get_layer("backbone")
        self.spatial, self.context = spatial, context
        self.feature_dim = self.backbone.output_shape[-1] * (1 + context) + 5 * spatial

    def call(self, inputs, training=None):
        image_bytes, boxes = inputs["image_bytes"], inputs["boxes"]
        height, width = self.backbone.input_shape[1:3]

        def cropped(picture):
            image_bytes, boxes = picture
            pixels = decode_picture(image_bytes)
            size = tf.cast(tf.shape(pixels)[1::-1], tf.float32)
            if self.context:  # the whole picture comes as one more region
                whole = tf.concat([tf.zeros(2), size], axis=0)
                boxes = tf.concat([boxes, whole[None]], axis=0)
            return crop_regions(pixels, boxes, height, width), size

        crops, sizes = tf.map_fn(
            cropped,
            (image_bytes, boxes),
            fn_output_signature=(
                tf.TensorSpec((None, height, width, 3), tf.float32),
                tf.TensorSpec((2,), tf.float32),
            ),
        )
        features = self.backbone(tf.reshape(crops, (-1, height, width, 3)), training=False)
        batch, regions = tf.unstack(tf.shape(boxes)[:2])
        features = tf.reshape(features, (batch, regions + self.context, features.shape[-1]))
        parts = [features[:, :regions]]
        if self.spatial:
            relative = boxes / tf.concat([sizes, sizes], axis=-1)[:, None]
            sides = relative[..., 2:] - relative[..., :2]
            parts += [relative[..., :2], sides, tf.reduce_prod(sides, axis=-1, keepdims=True)]
        if self.context:
            parts.append(tf.repeat(features[:, regions:], regions, axis=1))
        return tf.concat(parts, axis=-1)
