"""Picture files, decoded in threads ahead of their use."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class DecodedPicture(NamedTuple):
    """A decoded picture file, or the reason why it could not be read.

    Attributes:
        pixels: float32 `(height, width, 3)`, or None if the file could not be read.
        size: bytes of the file, 0 if it could not be opened.
        mtime_ns: when the file was last changed, in nanoseconds since 1970.
        reason: why the file could not be read, or None if it could.
    """

    pixels: np.ndarray | None
    size: int
    mtime_ns: int
    reason: str | None


def decoded_pictures(
    paths: Sequence[str], decode: Callable[[tf.Tensor], tf.Tensor], ahead: int = 64
) -> Iterator[DecodedPicture]:
    """Reads and decodes picture files, in as many threads as there are processors.

    (A `tf.data.Dataset` can leave out what fails, but does not say which file failed, or why.)

    Args:
        paths: paths of the files.
        decode: a function from the content of one file, a scalar string tensor, to pixels.
        ahead: greatest number of pictures that are decoded before you ask for them.

    Yields:
        A `DecodedPicture` for each path, in order.

    Examples:
        >>> for picture in decoded_pictures(["nowhere.png"], tf.io.decode_png):
        ...     print(picture.reason)
        No such file or directory
    """
    decode = tf.function(decode, input_signature=[tf.TensorSpec((), tf.string)])

    def read(path: str) -> DecodedPicture:
        size = mtime_ns = 0
        try:
            with open(path, "rb") as file:
                state = os.fstat(file.fileno())  # before reading: a later change is seen next time
                size, mtime_ns = state.st_size, state.st_mtime_ns
                content = file.read()
            return DecodedPicture(decode(tf.constant(content)).numpy(), size, mtime_ns, None)
        except OSError as error:
            return DecodedPicture(None, size, mtime_ns, error.strerror or str(error))
        except tf.errors.OpError as error:
            return DecodedPicture(None, size, mtime_ns, _without_graph(error.message))

    pool = ThreadPoolExecutor(os.cpu_count())
    waiting: deque[Future] = deque()
    try:
        for path in paths:
            waiting.append(pool.submit(read, path))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _without_graph(message: str) -> str:
    r"""Returns TensorFlow's message without the operations behind it: `MESSAGE\n\t [[...`."""
    line = message.partition("\n\t [[")[0].rpartition("\n")[2]
    line = re.sub(r"\{\{.*?\}\} ?| *\[Op:.*\]", "", line).strip()
    return re.sub(r"assertion failed: \[(.*)\]", r"\1", line)
