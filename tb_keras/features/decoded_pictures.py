"""Picture files, decoded in threads ahead of their use."""

from __future__ import annotations

import functools
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tb_keras.encoders.image.files.image_file import ImageFile, read_headers
from tb_keras.storage.pictures.picture_reference import picture_state, read_picture

_AT_ONCE = 8  # files whose headers are read together, which takes hardly longer than one
_READ_HEADERS = tf.function(
    read_headers, autograph=False, input_signature=[tf.TensorSpec((None,), tf.string)]
)


class DecodedPicture(NamedTuple):
    """A decoded picture file, or the reason why it could not be read.

    Attributes:
        pixels: float32 `(height, width, 3)`, or None if the file could not be read.
        size: bytes of the file that it is or lies in, 0 if that is not there.
        mtime_ns: when that file was last changed, in nanoseconds since 1970.
        reason: why the file could not be read, or None if it could.
    """

    pixels: np.ndarray | None
    size: int
    mtime_ns: int
    reason: str | None


def decoded_pictures(
    paths: Sequence[str], decode: Callable[[ImageFile], tf.Tensor], ahead: int = 64
) -> Iterator[DecodedPicture]:
    """Reads and decodes picture files, in as many threads as there are processors.

    (A `tf.data.Dataset` can leave out what fails, but does not say which file failed, or why.)

    Args:
        paths: paths of the files, or references into archives.
        decode: a function from one file, as `decode_image` takes it, to pixels.
        ahead: about how many pictures are decoded before you ask for them.

    Yields:
        A `DecodedPicture` for each path, in order.

    Examples:
        >>> from tb_keras.encoders.image.image_decoding import decode_image
        >>> for picture in decoded_pictures(["nowhere.png"], decode_image):
        ...     print(picture.reason)
        No such file or directory
    """
    decode_row = _decoding(decode)

    def read(some: Sequence[str]) -> list[DecodedPicture]:
        read_files = list(map(_read, some))
        files = _READ_HEADERS(tf.constant([content for content, _ in read_files]))
        return [
            picture if picture.reason else _decoded(picture, decode_row, files, row)
            for row, (_, picture) in enumerate(read_files)
        ]

    pool = ThreadPoolExecutor(os.cpu_count())
    waiting: deque[Future] = deque()
    try:
        for start in range(0, len(paths), _AT_ONCE):
            waiting.append(pool.submit(read, paths[start : start + _AT_ONCE]))
            if len(waiting) > ahead // _AT_ONCE:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@functools.lru_cache(2)  # to trace it takes as long as to decode hundreds of pictures
def _decoding(decode: Callable[[ImageFile], tf.Tensor]) -> Callable:
    return tf.function(
        lambda files, row: decode(files.at(row)),
        input_signature=[ImageFile.spec(None), tf.TensorSpec((), tf.int32)],
    )


def _read(path: str) -> tuple[bytes, DecodedPicture]:
    """Returns the content of a file, and what is known before it is decoded."""
    size = mtime_ns = 0
    try:
        state = picture_state(path)  # before reading: a later change is seen next time
        size, mtime_ns = state.st_size, state.st_mtime_ns
        return read_picture(path), DecodedPicture(None, size, mtime_ns, None)
    except OSError as error:
        return b"", DecodedPicture(None, size, mtime_ns, error.strerror or str(error))
    except ValueError as error:  # an archive is damaged
        return b"", DecodedPicture(None, size, mtime_ns, str(error))


def _decoded(picture: DecodedPicture, decode_row, files: ImageFile, row: int) -> DecodedPicture:
    try:
        return picture._replace(pixels=decode_row(files, tf.constant(row)).numpy())
    except tf.errors.OpError as error:
        return picture._replace(reason=picture_error(error))


def picture_error(error: tf.errors.OpError) -> str:
    r"""Returns TensorFlow's reason without the operations behind it: `MESSAGE\n\t [[...`."""
    line = error.message.partition("\n\t [[")[0].rpartition("\n")[2]
    line = re.sub(r"\{\{.*?\}\} ?| *\[Op:.*\]", "", line).strip()
    return re.sub(r"assertion failed: \[(.*)\]", r"\1", line)
