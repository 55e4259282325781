"""The rows of a batch that belong to one of several replicas of a network."""

from __future__ import annotations

import tensorflow as tf


def own_rows(rows):
    """Returns the rows of a batch that the replica has which asks: all where there is one.

    Args:
        rows: `(n, ...)`, n static and divisible by the number of replicas. The first replica has
            the first rows.

    Returns:
        `(n / replicas, ...)`, static.

    Raises:
        ValueError: if n is not divisible.
    """
    context = tf.distribute.get_replica_context()
    count = 1 if context is None else context.num_replicas_in_sync
    if count == 1:
        return rows
    size, left = divmod(rows.shape[0], count)
    if left:
        raise ValueError(
            f"a batch must have rows in a multiple of the replicas, {count}. "
            f"Received: {rows.shape[0]} rows"
        )
    first = context.replica_id_in_sync_group * size
    others = len(rows.shape) - 1
    return tf.slice(rows, [first, *[0] * others], [size, *rows.shape[1:]])
