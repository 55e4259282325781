"""The weights of models as an export stores them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import keras
import tensorflow as tf

from tb_keras.search.graph_index import STORED_DTYPES


class StoredWeights:
    """The weights and lookup tables of some models, as a SavedModel holds them.

    A half dtype saves room only: weights are cast back to float32 at each call. Vectors, such as
    biases and the statistics of batch norms, are stored in float32.

    Args:
        models: the models, whose `call` is to be traced within `used()`.
        dtype: one of `STORED_DTYPES`, in which weights of two axes or more are stored.

    Attributes:
        parts: variables and tables, which the SavedModel's root must hold.

    Raises:
        ValueError: if `dtype` is another, or a weight is too large for it.
    """

    def __init__(self, models: Sequence[keras.Model], dtype: str = "float32"):
        if dtype not in STORED_DTYPES:
            raise ValueError(
                f"`dtype` must be one of {', '.join(STORED_DTYPES)}. Received: dtype={dtype!r}"
            )
        weights = {id(weight): weight for model in models for weight in model.weights}.values()
        self._halved = [
            (weight, tf.Variable(_half(weight, dtype), trainable=False))
            for weight in weights
            if dtype != "float32" and len(weight.shape) > 1 and weight.dtype == "float32"
        ]
        halves = {id(weight): half for weight, half in self._halved}
        parts = [part for model in models for part in tf.train.TrackableView(model).descendants()]
        resource = tf.saved_model.experimental.TrackableResource
        tables = {id(part): part for part in parts if isinstance(part, resource)}
        # Not the Keras variables: Keras 3.15 saves copies of them. A server restores the copies but
        # reads the originals; the loader in Python hides this.
        self.parts = [halves.get(id(weight), weight.value) for weight in weights]
        self.parts += tables.values()

    @contextlib.contextmanager
    def used(self):
        """Has the models compute with the stored weights while a signature is traced."""
        read = [(weight, tf.cast(half, weight.dtype)) for weight, half in self._halved]
        with keras.StatelessScope(state_mapping=read) if read else contextlib.nullcontext():
            yield


def _half(weight: keras.Variable, dtype: str) -> tf.Tensor:
    half = tf.cast(weight.value, dtype)
    if not bool(tf.reduce_all(tf.math.is_finite(half))):
        raise ValueError(
            f"`dtype` must have room for the weight {weight.path!r}. Received: dtype={dtype!r}"
        )
    return half
