"""Errors that name the picture which cannot be decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def damaged_picture_named(paths: Sequence[str]) -> Iterator[None]:
    """Makes TensorFlow's error about some picture of a batch one that names the file.

    Args:
        paths: the picture files that are encoded within the context.

    Raises:
        ValueError: if one of them cannot be decoded; the message has its path.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.InvalidArgumentError:
        for path in paths:
            try:
                tf.io.decode_image(Path(path).read_bytes(), expand_animations=False)
            except tf.errors.InvalidArgumentError:
                raise ValueError(
                    f"{path!r} is damaged, or no PNG, JPEG, GIF or BMP picture"
                ) from None
        raise
