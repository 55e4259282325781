"""Checks of requests inside the graph; a server answers INVALID_ARGUMENT where one fails.

Each function returns its input. Use only what it returns: a graph runs whatever does not wait for
a check at the same time, and may fail there first, with a message that helps no one.
"""

from __future__ import annotations

import tensorflow as tf

from tb_keras.checks.rows import assert_rows

_MAX_AXES_SHOWN = 16  # of a wrong shape in a message
MAX_REGIONS = 1000  # all crops of a picture are encoded at once
MAX_ANSWERS = 1000  # many queries with many answers each would fill a server's memory


def check_shape(values: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """Returns a tensor unchanged if it has the shape of a specification.

    Neither a server nor TensorFlow holds a request against the shapes of its signature.

    Raises:
        tf.errors.InvalidArgumentError: if it has another shape.

    Examples:
        >>> check_shape(tf.zeros((2, 1)), tf.TensorSpec((None, 3), name="features"))
        Traceback (most recent call last):
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ...
    """
    sizes = [-1 if size is None else size for size in spec.shape]
    # Without this the graph takes the shape for certain, and leaves the check out.
    unsure = tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None))
    given = tf.shape(unsure)
    rank = len(sizes)
    matches = (tf.concat([given, [-2] * rank], axis=0)[:rank] == sizes) | (tf.constant(sizes) < 0)
    shape = ", ".join("any" if size < 0 else str(size) for size in sizes)
    message = f"`{spec.name}` must have shape ({shape}{',' * (rank == 1)}). Received:"
    right = tf.reduce_all(matches, axis=0) & (tf.size(given) == rank)
    return _after(_assert(right, message, given), values)


def check_finite(values: tf.Tensor, name: str, expected: str = "finite") -> tf.Tensor:
    """Returns float `(n, ...)` unchanged if all of it is finite.

    Args:
        values: an input, or what was computed from it.
        name: the input's name.
        expected: what the input must be for `values` to be finite.

    Raises:
        tf.errors.InvalidArgumentError: if rows hold NaN or infinities; it names their positions.

    Examples:
        >>> check_finite(tf.constant([[1.0], [float("nan")]]), "features")
        Traceback (most recent call last):
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ... at positions: [1]...
    """
    finite = tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, values.shape.rank)))
    return _after(assert_rows(finite, f"`{name}` must be {expected}."), values)


def check_indices(indices: tf.Tensor, name: str) -> tf.Tensor:
    """Returns word indices `(n, words)` unchanged if none is negative.

    A negative index would count from the last word.

    Raises:
        tf.errors.InvalidArgumentError: if rows hold negative ones; it names their positions.

    Examples:
        >>> check_indices(tf.constant([[2, 0], [2, -1]]), "features")
        Traceback (most recent call last):
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ... at positions: [1]...
    """
    good = tf.reduce_all(indices >= 0, axis=1)
    return _after(assert_rows(good, f"`{name}` must not be negative."), indices)


def check_equally_many(**rows: tf.Tensor) -> list[tf.Tensor]:
    """Returns inputs unchanged, in their order, if they have equally many rows.

    Raises:
        tf.errors.InvalidArgumentError: if they do not; it names them and says how many came.

    Examples:
        >>> texts, k = check_equally_many(text=tf.constant(["a", "b"]), k=tf.constant([1, 2]))
    """
    sizes = tf.stack([tf.shape(tensor)[0] for tensor in rows.values()])
    message = f"{', '.join(f'`{name}`' for name in rows)} must be equally many. Received:"
    check = _assert(tf.reduce_all(sizes == sizes[0]), message, sizes)
    return [_after(check, tensor) for tensor in rows.values()]


def check_regions(boxes: tf.Tensor) -> tf.Tensor:
    """Returns boxes `(n, r, 4)` unchanged if r is at most `MAX_REGIONS`.

    Raises:
        tf.errors.InvalidArgumentError: if r is larger.
    """
    count = tf.shape(boxes)[1]
    message = f"`boxes` must be at most {MAX_REGIONS} a picture. Received:"
    return _after(_assert(count <= MAX_REGIONS, message, count), boxes)


def check_answers(k: tf.Tensor) -> tf.Tensor:
    """Returns int32 `(n,)`, the answers to each query, unchanged if none is above `MAX_ANSWERS`.

    Raises:
        tf.errors.InvalidArgumentError: if some are; it names their positions.
    """
    return _after(assert_rows(k <= MAX_ANSWERS, f"`k` must be at most {MAX_ANSWERS}."), k)


def _after(check: tf.Operation | None, tensor: tf.Tensor) -> tf.Tensor:
    """Returns the tensor, which can only be used once the check has passed."""
    with tf.control_dependencies([check]):
        return tf.identity(tensor)


def _assert(right: tf.Tensor, message: str, given: tf.Tensor) -> tf.Operation | None:
    # Not tf.debugging.Assert, which costs a branch of the graph at each call.
    return tf.raw_ops.Assert(condition=right, data=[message, given], summarize=_MAX_AXES_SHOWN)
