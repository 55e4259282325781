"""What the workers of a training take over from the chief, which alone has the files."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tb_keras.training.callbacks.training_backup import training_state
from tb_keras.training.replicas.strategy import from_chief, has_workers


def share_training(
    strategy: tf.distribute.Strategy | None, model: keras.Model, epochs_done: int
) -> int:
    """Gives all workers the state of the chief's training, and returns its number of epochs.

    Args:
        strategy: that of the training.
        model: compiled; its weights, optimizer and random states become the chief's.
        epochs_done: how many epochs the worker's own backup has seen.
    """
    if not has_workers(strategy):
        return epochs_done
    variables = training_state(model)
    values = [variable.numpy() for variable in variables]
    epochs, *values = from_chief(strategy, [np.asarray(epochs_done), *values])
    for variable, value in zip(variables, values):
        variable.assign(value)
    return int(epochs)


def share_network(strategy: tf.distribute.Strategy | None, network: keras.Model) -> keras.Model:
    """Gives all workers the weights of the chief's network, and returns it."""
    if has_workers(strategy):
        network.set_weights(from_chief(strategy, network.get_weights()))
    return network
