"""Regions of pictures to pixels of one size, inside the graph."""

from __future__ import annotations

import tensorflow as tf

_SAMPLES = 2  # samples a pixel, each way; with one, crops of large regions would be jagged


def crop_regions(pixels: tf.Tensor, boxes: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Crops regions out of one picture and warps each to a fixed size.

    Args:
        pixels: float32 `(H, W, 3)`.
        boxes: float32 `(r, 4)` xyxy in pixels; what lies outside the picture is cut off.
        height: positive height of the result in pixels.
        width: positive width of the result in pixels.

    Returns:
        A float32 tensor `(r, height, width, 3)`. It is interpolated bilinearly at the centres of a
        grid of twice the size, and each pixel is the mean of 2 by 2 of these.

    Examples:
        >>> pixels = tf.reshape(tf.range(16.0), (4, 4, 1)) * tf.ones(3)
        >>> crops = crop_regions(pixels, tf.constant([[0.0, 0.0, 4.0, 4.0]]), 1, 1)
        >>> float(crops[0, 0, 0, 0])
        7.5
    """
    shape = tf.cast(tf.shape(pixels)[:2], tf.float32)
    limits = tf.stack([shape[1], shape[0], shape[1], shape[0]])
    left, top, right, bottom = tf.unstack(tf.clip_by_value(boxes, 0.0, limits), axis=1)
    rows, columns = _SAMPLES * height, _SAMPLES * width
    # crop_and_resize samples from the first coordinate to the last, inclusive, in shares of the
    # picture's size less one. The corners are moved to the centres of the samples, and a repeated
    # border of one pixel gives samples at the picture's edge both neighbours.
    half_row, half_column = (bottom - top) / (2 * rows), (right - left) / (2 * columns)
    corners = tf.stack(
        [top + half_row, left + half_column, bottom - half_row, right - half_column], axis=1
    )
    bordered = tf.pad(pixels, [[1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    inner = (corners + 0.5) / (tf.tile(shape, [2]) + 1.0)
    samples = tf.image.crop_and_resize(
        bordered[None], inner, tf.zeros(tf.shape(boxes)[0], tf.int32), (rows, columns)
    )
    return tf.nn.avg_pool2d(samples, _SAMPLES, _SAMPLES, "VALID")
