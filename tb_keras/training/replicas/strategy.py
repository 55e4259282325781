"""Which replicas a training has: those of this machine, or of several."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def replica_strategy(replicas: int = 1) -> tf.distribute.Strategy | None:
    """Returns the strategy of a training, which `train_network` takes.

    Call it before TensorFlow computes anything: it sets up the devices. Where the environment
    variable `TF_CONFIG` names several workers, each of which calls this function, it is a
    `MultiWorkerMirroredStrategy`, with a replica for each GPU of each worker, or one for each
    worker without. Else it is a `MirroredStrategy` of the first GPUs of this machine. Without GPU
    the CPU stands for as many devices, which is of use to try things out.

    Args:
        replicas: positive int, replicas on this machine.

    Returns:
        A strategy, or None for one replica.

    Raises:
        ValueError: if there are fewer GPUs than replicas, or TensorFlow has computed before, or
            `TF_CONFIG` and `replicas` are both given.
    """
    if _num_workers() > 1:
        if replicas != 1:
            raise ValueError(
                f"`replicas` must be left out with TF_CONFIG. Received: replicas={replicas}"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if replicas == 1:
        return None
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(replicas)]
        try:
            tf.config.set_logical_device_configuration(cpu, parts)
        except RuntimeError as error:
            raise ValueError(
                "replicas must be set up before TensorFlow computes anything"
            ) from error
    elif replicas > len(gpus):
        raise ValueError(
            f"`replicas` must be at most the number of GPUs, {len(gpus)}. "
            f"Received: replicas={replicas}"
        )
    kind = "GPU" if gpus else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(replicas)])


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Returns whether this process writes what the training leaves: the only one, or the first."""
    resolver = None if strategy is None else strategy.cluster_resolver
    if resolver is None or resolver.task_type is None:
        return True
    first = "chief" if "chief" in resolver.cluster_spec().as_dict() else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def has_workers(strategy: tf.distribute.Strategy | None) -> bool:
    """Returns whether the replicas belong to several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def from_chief(
    strategy: tf.distribute.Strategy | None, values: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Returns the chief's values on all workers; all of them call it, with the same shapes.

    Args:
        strategy: of all workers.
        values: numeric arrays. They are returned as they are where there is one process.
    """
    values = [np.asarray(value) for value in values]
    if not has_workers(strategy):
        return values
    replicas = len(strategy.extended.worker_devices)
    chief = is_chief(strategy)

    @tf.function
    def sums(values):
        def of_replica(values):
            context = tf.distribute.get_replica_context()
            first = tf.equal(context.replica_id_in_sync_group % replicas, 0)
            counts = tf.logical_and(first, chief)
            own = [tf.where(counts, value, tf.zeros_like(value)) for value in values]
            # One by one, as several in one call must be of one type.
            return [context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in own]

        return strategy.run(of_replica, args=(values,))

    # In types that are reduced everywhere.
    wide = [v.astype(np.float32 if v.dtype.kind == "f" else np.int64) for v in values]
    found = [strategy.experimental_local_results(total)[0].numpy() for total in sums(wide)]
    return [total.astype(value.dtype) for total, value in zip(found, values)]


def _num_workers() -> int:
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    return len(cluster.get("chief", [])) + len(cluster.get("worker", []))
