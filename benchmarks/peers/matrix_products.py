"""The matrix products of a training step and nothing else, in TensorFlow: the floor of its time."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def matrix_products(
    num_images: int,
    num_texts: int,
    image_dim: int,
    text_dim: int,
    hidden_dim: int,
    embedding_dim: int,
    dtype: str = "float32",
    steps: int = 1,
) -> Callable[[], None]:
    """Returns a function that makes the products of `steps` training steps.

    Forward and backward of both dense layers of both branches (the gradient of the features is not
    asked for), and of the two distance matrices of the loss, image to text and text to text, which
    are float32 in every policy.

    Args:
        num_images: images in a batch.
        num_texts: texts in a batch.
        image_dim: size of the image features.
        text_dim: size of the text features.
        hidden_dim: units of the hidden layers.
        embedding_dim: size of the embeddings.
        dtype: of the branches' products.
        steps: how many steps.
    """

    def random(*shape, kind=dtype):
        return tf.cast(tf.random.stateless_uniform(shape, [len(shape), shape[0]], -1, 1), kind)

    views = [
        (
            random(rows, dim),
            random(dim, hidden_dim),
            random(rows, hidden_dim),
            random(hidden_dim, embedding_dim),
            random(rows, embedding_dim),
        )
        for rows, dim in ((num_images, image_dim), (num_texts, text_dim))
    ]
    images, texts = (
        random(rows, embedding_dim, kind="float32") for rows in (num_images, num_texts)
    )
    slopes = [random(rows, num_texts, kind="float32") for rows in (num_images, num_texts)]

    @tf.function
    def products(views, images, texts, slopes):
        made = []
        for features, kernel, hidden, embedding_kernel, embedding in views:
            made += [
                tf.matmul(features, kernel),
                tf.matmul(hidden, embedding_kernel),
                tf.matmul(embedding, embedding_kernel, transpose_b=True),
                tf.matmul(hidden, embedding, transpose_a=True),
                tf.matmul(features, hidden, transpose_a=True),
            ]
        for anchors, slope in zip((images, texts), slopes):
            made += [
                tf.matmul(anchors, texts, transpose_b=True),
                tf.matmul(slope, texts),
                tf.matmul(slope, anchors, transpose_a=True),
            ]
        return made  # what is not returned would not be computed

    def run() -> None:
        for _ in range(steps):
            products(views, images, texts, slopes)

    return run
