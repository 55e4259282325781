"""The ranking loss in TensorFlow by `boolean_mask`, as research code writes it."""

from __future__ import annotations

import keras
import tensorflow as tf


def boolean_mask_ranking_loss(
    images: tf.Tensor,
    texts: tf.Tensor,
    matches: tf.Tensor,
    margin: float = 0.05,
    top_k: int = 10,
    image_anchor_weight: float = 1.0,
    text_anchor_weight: float = 1.5,
    text_neighborhood_weight: float = 0.05,
) -> tf.Tensor:
    """`tb_keras.losses.bidirectional_ranking_loss` for batches of one form only.

    Every image must have the same number of texts, every text one image, and all that does not
    match must be a negative: then what the masks select can be reshaped to a matrix, and each pair
    is compared with all its negatives, of which the `top_k` most violating count.

    Args:
        images: float32 `(n, dim)`.
        texts: float32 `(m, dim)`, m a multiple of n.
        matches: bool `(n, m)`, m/n true in each row and one in each column.
        margin: positive float.
        top_k: how many of a pair's most violating negatives count.
        image_anchor_weight: weight of the term of image anchors.
        text_anchor_weight: weight of the term of text anchors.
        text_neighborhood_weight: weight of the term within the texts.

    Returns:
        float32 scalar.
    """
    n, m = images.shape[0], texts.shape[0]
    distances = _distances(images, texts)

    def mean_of_top(positive, negative):
        hinges = tf.maximum(margin + positive - negative, 0.0)
        return tf.reduce_mean(tf.math.top_k(hinges, top_k).values)

    # Image anchors: each of an image's texts against all texts of other images.
    positive = tf.reshape(tf.boolean_mask(distances, matches), [m, 1])
    negative = tf.reshape(tf.boolean_mask(distances, ~matches), [n, m - m // n])
    image_anchors = mean_of_top(positive, tf.repeat(negative, m // n, axis=0))

    # Text anchors
    of_texts, of_text = tf.transpose(distances), tf.transpose(matches)
    positive = tf.reshape(tf.boolean_mask(of_texts, of_text), [m, 1])
    text_anchors = mean_of_top(
        positive, tf.reshape(tf.boolean_mask(of_texts, ~of_text), [m, n - 1])
    )

    # Text neighbourhood: the farthest text of the same image against those of other images.
    within = _distances(texts, texts)
    image = tf.argmax(tf.cast(matches, tf.int32), axis=0)
    same = image[:, None] == image[None, :]
    positive = tf.reshape(tf.boolean_mask(within, same), [m, m // n])
    negative = tf.reshape(tf.boolean_mask(within, ~same), [m, m - m // n])
    neighborhood = mean_of_top(tf.reduce_max(positive, axis=1, keepdims=True), negative)

    return (
        image_anchor_weight * image_anchors
        + text_anchor_weight * text_anchors
        + text_neighborhood_weight * neighborhood
    )


class BooleanMaskRanking(keras.layers.Layer):
    """Adds the loss to a model, in the place of `tb_keras.losses.BidirectionalRanking`."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.built = True

    def call(self, inputs):
        loss = boolean_mask_ranking_loss(*inputs[:3])
        self.add_loss(loss)
        return loss

    def compute_output_shape(self, input_shape):
        return ()


def _distances(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    squared = (
        tf.reduce_sum(left * left, axis=1)[:, None]
        + tf.reduce_sum(right * right, axis=1)[None, :]
        - 2.0 * tf.matmul(left, right, transpose_b=True)
    )
    return tf.sqrt(tf.maximum(squared, 0.0) + 1e-4)
