"""Rows of a batch that are not as they must be: refused, with their positions, inside the graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import tensorflow as tf

_SHOWN = 20  # positions in a message

_first_position: ContextVar[tf.Tensor | int] = ContextVar("first_position", default=0)


@contextmanager
def positions_from(first: tf.Tensor | int) -> Iterator[None]:
    """Within it, rows count from `first` in what `assert_rows` says.

    For a block of a larger batch: its layers are called within this context, and read it as they
    are traced.

    Args:
        first: Position of the block's first row in the batch, an int or a scalar int tensor.

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
    """Refuses a batch unless all of its rows are good.

    Args:
        good: Bool `(n,)`.
        message: What was expected; " Not so at positions: [...]" is added, of the first 20.

    Returns:
        The assertion, None outside a graph, for `tf.control_dependencies`.

    Raises:
        tf.errors.InvalidArgumentError: When run, if some row is not.
    """
    bad = tf.where(~good)[:, 0] + tf.cast(_first_position.get(), tf.int64)
    shown = tf.strings.reduce_join(tf.strings.as_string(bad[:_SHOWN]), separator=", ")
    more = tf.where(tf.size(bad) > _SHOWN, ", ...", "")
    text = tf.strings.join([message, " Not so at positions: [", shown, more, "]"])
    # Not tf.debugging.Assert: outside a graph that one has a text of its own.
    return tf.raw_ops.Assert(condition=tf.reduce_all(good), data=[text])
