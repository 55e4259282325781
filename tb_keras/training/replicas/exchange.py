"""What replicas exchange in a training step. Where there is one, nothing changes."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def num_replicas() -> int:
    """Returns how many replicas compute the step."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_number():
    """Returns the number of the replica that asks, from 0."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def gathered(rows):
    """Returns the rows of all replicas, `(n, dim)`, from the own ones, `(n / replicas, dim)`."""
    if num_replicas() == 1:
        return rows
    found = tf.distribute.get_replica_context().all_gather(rows, axis=0)
    return tf.ensure_shape(found, (rows.shape[0] * num_replicas(), *rows.shape[1:]))


def summed(values: Sequence) -> list:
    """Returns the sums of dense tensors over the replicas."""
    if num_replicas() == 1:
        return list(values)
    context = tf.distribute.get_replica_context()
    return list(context.all_reduce(tf.distribute.ReduceOp.SUM, list(values)))
