"""Batches of image files, each decoded by itself, inside the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tb_keras.checks.rows import assert_rows
from tb_keras.encoders.image.files.image_file import read_headers

MAX_PIXELS = 50_000_000
"""Pixels of the largest image that is decoded, such as 8660 x 5773."""

_AT_ONCE = 16  # images that are decoded at a time, at the most


def map_images(
    function: Callable[..., Any], image_bytes: tf.Tensor, *others: tf.Tensor, specs: Any
) -> Any:
    """Applies a function to each image file of a batch.

    It works on several at a time, as `tf.map_fn` does, but never on more than `MAX_PIXELS` pixels
    together.

    Args:
        function: a function from the `ImageFile` of one file, which `decode_image` takes, and a row
            of each of `others`, to tensors.
        image_bytes: string tensor `(n,)`, the content of one PNG, JPEG, GIF or BMP file each.
        *others: tensors of `n` rows.
        specs: `tf.TensorSpec` of what the function returns, in the same structure.

    Returns:
        The stacked results, in the structure of `specs`.

    Raises:
        tf.errors.InvalidArgumentError: a file has another format (such as WebP, which not every
            server of TensorFlow reads), has more than `MAX_PIXELS` pixels, or cannot be decoded.
            The message names the positions.

    Examples:
        >>> png = tf.io.encode_png(tf.fill((2, 3, 1), tf.constant(7, tf.uint8)))
        >>> sizes = map_images(
        ...     lambda file: tf.shape(tf.io.decode_image(file.content)),
        ...     tf.stack([png, png]),
        ...     specs=tf.TensorSpec((3,), tf.int32),
        ... )
        >>> sizes.numpy().tolist()
        [[2, 3, 1], [2, 3, 1]]
    """
    files = read_headers(image_bytes)
    known = assert_rows(files.is_known, "`image_bytes` must hold PNG, JPEG, GIF or BMP files.")
    with tf.control_dependencies([known]):
        pixels = tf.reduce_prod(files.size, axis=1)
    small = assert_rows(
        pixels <= MAX_PIXELS,
        f"`image_bytes` must hold pictures of at most {MAX_PIXELS // 10**6} million pixels.",
    )
    with tf.control_dependencies([small]):
        files = files._replace(content=tf.where(pixels > 0, image_bytes, ""))
        largest = tf.reduce_max(tf.concat([pixels, [1]], axis=0))
    count = tf.size(pixels, out_type=tf.int64)
    # A graph can catch an error only by a dataset that leaves out what fails.
    dataset = tf.data.Dataset.from_tensor_slices((tf.range(count), files, *others))
    dataset = dataset.map(
        tf.autograph.experimental.do_not_convert(lambda at, *row: (at, function(*row))),
        num_parallel_calls=tf.clip_by_value(MAX_PIXELS // largest, 1, _AT_ONCE),
    )
    dataset = dataset.ignore_errors().batch(tf.maximum(count, 1))
    none = tf.nest.map_structure(
        lambda spec: tf.zeros((0, *(side or 0 for side in spec.shape)), spec.dtype),
        (tf.TensorSpec((), tf.int64), specs),
    )
    dataset = dataset.concatenate(tf.data.Dataset.from_tensors(none)).take(1)
    positions, results = dataset.with_options(_options()).get_single_element()
    decoded = tf.scatter_nd(positions[:, None], tf.ones_like(positions, tf.int32), [count]) > 0
    whole = assert_rows(decoded, "`image_bytes` must hold whole, undamaged pictures.")
    with tf.control_dependencies([whole]):
        return tf.nest.map_structure(
            lambda result, spec: tf.ensure_shape(result, (image_bytes.shape[0], *spec.shape)),
            results,
            specs,
        )


def _options() -> tf.data.Options:
    """Returns options without all that pays only in a long run."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
