"""A picture that cannot be decoded is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def damaged_picture_named(paths: Sequence[str]) -> Iterator[None]:
    """Within it, TensorFlow's complaint about some picture of a batch becomes one about its file.

    Args:
        paths: the picture files that are encoded within the context.

    Raises:
        ValueError: if one of them is no picture; the message has its path.
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
