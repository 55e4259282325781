"""Batches of picture files, each decoded by itself; the graph names those that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tb_keras.checks.rows import assert_rows
from tb_keras.encoders.image.picture_headers import declared_sizes
from tb_keras.storage.untuned_dataset import untuned

MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded, such as 8660 x 5773."""

_AT_ONCE = 16  # pictures that are decoded at a time, at the most


def map_pictures(
    function: Callable[..., Any], image_bytes: tf.Tensor, *others: tf.Tensor, specs: Any
) -> Any:
    """Applies a function to each picture file of a batch.

    Several at a time, as `tf.map_fn` does, but never more than hold `MAX_PIXELS` together.

    Args:
        function: From the scalar content of one file, and a row of each of `others`, to tensors.
        image_bytes: String tensor `(n,)`, the content of one PNG, JPEG, GIF or BMP file each.
        *others: Tensors of `n` rows.
        specs: `tf.TensorSpec` of what the function returns, in the same structure.

    Returns:
        What the function returned, stacked, in the structure of `specs`.

    Raises:
        tf.errors.InvalidArgumentError: A file is of another format (WebP too, which not every
            server of TensorFlow reads), has more than `MAX_PIXELS` pixels, or cannot be decoded.
            The message has the positions, see `row_checks`.

    Examples:
        >>> png = tf.io.encode_png(tf.fill((2, 3, 1), tf.constant(7, tf.uint8)))
        >>> sizes = map_pictures(
        ...     lambda file: tf.shape(tf.io.decode_image(file)),
        ...     tf.stack([png, png]),
        ...     specs=tf.TensorSpec((3,), tf.int32),
        ... )
        >>> sizes.numpy().tolist()
        [[2, 3, 1], [2, 3, 1]]
    """
    is_known, sizes = declared_sizes(image_bytes)
    known = assert_rows(is_known, "`image_bytes` must hold PNG, JPEG, GIF or BMP files.")
    with tf.control_dependencies([known]):
        pixels = tf.reduce_prod(sizes, axis=1)
    small = assert_rows(
        pixels <= MAX_PIXELS,
        f"`image_bytes` must hold pictures of at most {MAX_PIXELS // 10**6} million pixels.",
    )
    with tf.control_dependencies([small]):
        files = tf.where(pixels > 0, image_bytes, "")
        largest = tf.reduce_max(tf.concat([pixels, [1]], axis=0))
    count = tf.size(files, out_type=tf.int64)
    # A graph cannot catch an error, other than by a dataset that leaves out what fails.
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
    positions, results = untuned(dataset.with_options(_options())).get_single_element()
    decoded = tf.scatter_nd(positions[:, None], tf.ones_like(positions, tf.int32), [count]) > 0
    whole = assert_rows(decoded, "`image_bytes` must hold whole, undamaged pictures.")
    with tf.control_dependencies([whole]):
        return tf.nest.map_structure(
            lambda result, spec: tf.ensure_shape(result, (image_bytes.shape[0], *spec.shape)),
            results,
            specs,
        )


def _options() -> tf.data.Options:
    """None of what pays only in a long run: it would take longer than one picture."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return options
