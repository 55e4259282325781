"""Animated GIFs cut down to their first frame, inside the graph."""

from __future__ import annotations

import tensorflow as tf

_HEAD = 13  # signature and screen
_EXTENSION, _FRAME = 0x21, 0x2C
_STEPS = 4096  # runs of sub-blocks at most; most files have a few
_RUN = 4096  # sub-blocks that are looked at in one step


@tf.function(autograph=False)  # one trace for all that call it
def first_frame(image_bytes: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Cuts a GIF after its first frame.

    TensorFlow decodes all frames of a GIF, even to return only the first. A file of 1 MB can hold
    gigabytes of them.

    Args:
        image_bytes: scalar string tensor, the content of a GIF file.
        max_pixels: greatest number of pixels of the first frame, which may be larger than the GIF's
            screen.

    Returns:
        A scalar string tensor: a GIF with the first frame, or with none if that is cut off or too
        large. A GIF without a frame cannot be decoded.

    Examples:
        >>> screen = b"GIF89a" + bytes([1, 0, 1, 0, 0x80, 0, 0]) + bytes(6)
        >>> frame = bytes([0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0])
        >>> first_frame(screen + 3 * frame + b";", 10).numpy() == screen + frame + b";"
        True
    """
    data = tf.io.decode_raw(image_bytes, tf.uint8)
    length = tf.size(data)
    no = tf.constant(False)

    def byte(at):
        return tf.cast(data[tf.minimum(at, length - 1)], tf.int32)

    def after_colors(at, flags):
        return at + tf.where(flags < 128, 0, 6 * tf.bitwise.left_shift(1, flags % 8))

    def skip_blocks(at, in_blocks, is_last, is_whole):
        # Usually all sub-blocks but the last have one length: these are passed in one step.
        step = byte(at) + 1
        run = data[at : tf.minimum(at, length) + _RUN * step : step]
        ends = tf.concat([tf.cast(run, tf.int32) + 1 != step, [True]], axis=0)
        count = tf.argmax(tf.cast(ends, tf.int8), output_type=tf.int32)
        is_end = step == 1
        return at + tf.where(is_end, 1, count * step), ~is_end, is_last, is_last & is_end

    def enter(at, in_blocks, is_last, is_whole):
        kind = byte(at)
        is_frame = kind == _FRAME
        width, height = (byte(at + low) + 256 * byte(at + low + 1) for low in (5, 7))
        fits = tf.cast(width, tf.int64) * tf.cast(height, tf.int64) <= max_pixels
        is_known = is_frame & fits | (kind == _EXTENSION)
        data_start = tf.where(is_frame, after_colors(at + 10, byte(at + 9)) + 1, at + 2)
        return tf.where(is_known, data_start, length), tf.constant(True), is_frame, no

    at, _, _, is_whole = tf.while_loop(
        lambda at, in_blocks, is_last, is_whole: (at < length) & ~is_whole,
        lambda *state: tf.cond(state[1], lambda: skip_blocks(*state), lambda: enter(*state)),
        (after_colors(_HEAD, byte(10)), no, no, no),
        maximum_iterations=_STEPS,
    )
    cut = tf.where(is_whole & (at <= length), at, _HEAD)
    return tf.strings.join([tf.strings.substr(image_bytes, 0, cut), b";"])
