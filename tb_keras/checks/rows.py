"""Checks of the rows of a batch inside the graph, with the positions in the message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import tensorflow as tf

_SHOWN = 20  # positions in a message

_first_position: ContextVar[tf.Tensor | int] = ContextVar("first_position", default=0)


@contextmanager
def positions_from(first: tf.Tensor | int) -> Iterator[None]:
    """Makes `assert_rows` count positions from `first`.

    Call the layers of a block of a larger batch within this context. It acts while they are traced.

    Args:
        first: position of the block's first row in the batch, an int or a scalar int tensor.

    Examples:
        >>> with positions_from(100):
        ...     assert_rows(tf.constant([True, False]), "`x` must be so.")
        Traceback (most recent call last):
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ... at positions: [101]...
    """
    token = _first_position.set(first)
    try:
        yield
    finally:
        _first_position.reset(token)


def assert_rows(good: tf.Tensor, message: str) -> tf.Operation | None:
    """Makes a batch fail unless all of its rows are good.

    Args:
        good: bool `(n,)`.
        message: what was expected. " Not so at positions: [...]" is appended, with the first 20.

    Returns:
        The assertion, for `tf.control_dependencies`; None outside a graph.

    Raises:
        tf.errors.InvalidArgumentError: a row is not good. In a graph it is raised when that runs.
    """
    bad = tf.where(~good)[:, 0] + tf.cast(_first_position.get(), tf.int64)
    shown = tf.strings.reduce_join(tf.strings.as_string(bad[:_SHOWN]), separator=", ")
    more = tf.where(tf.size(bad) > _SHOWN, ", ...", "")
    text = tf.strings.join([message, " Not so at positions: [", shown, more, "]"])
    # Not tf.debugging.Assert: outside a graph it has a message of its own.
    return tf.raw_ops.Assert(condition=tf.reduce_all(good), data=[text])
