"""Errors that name the picture which cannot be decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tb_keras.scripts.runs.settled_paths import seen_from_here


@contextmanager
def damaged_picture_named(paths: Sequence[str]) -> Iterator[None]:
    """Makes TensorFlow's error about some picture of a batch one that names the file.

    Args:
        paths: the picture files that are encoded within the context.

    Raises:
        ValueError: if one of them cannot be decoded; the message has its path.
    """
    import tensorflow as tf

    from tb_keras.encoders.image.image_decoding import decode_image
    from tb_keras.features.decoded_pictures import decoded_pictures

    try:
        yield
    except tf.errors.InvalidArgumentError:
        for path, picture in zip(paths, decoded_pictures(paths, decode_image)):
            if picture.reason:
                raise ValueError(
                    f"{seen_from_here(path)!r} is damaged, or no PNG, JPEG, GIF or BMP picture of "
                    f"at most 50 million pixels ({picture.reason})"
                ) from None
        raise
