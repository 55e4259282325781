"""What all loss layers share."""

from __future__ import annotations

import keras


class LossLayer(keras.layers.Layer):
    """A layer that returns a loss, a float32 scalar, and adds it to the model that holds it.

    Attributes:
        settings: names of the attributes that `get_config` saves.
    """

    settings: tuple[str, ...] = ()

    def __init__(self, **kwargs):
        # Float32 under every policy, and embeddings must not be cast down on their way in.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})

    def compute_output_shape(self, input_shape):
        return ()

    def get_config(self) -> dict:
        return {**super().get_config(), **{name: getattr(self, name) for name in self.settings}}


class OuterLoss(LossLayer):
    """A loss layer around another one, with which it is saved.

    Args:
        loss: the layer within.
    """

    def __init__(self, loss: LossLayer, **kwargs):
        super().__init__(**kwargs)
        self.loss = loss

    def get_config(self) -> dict:
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict):
        """Builds the layer and the loss within it."""
        return cls(keras.saving.deserialize_keras_object(config.pop("loss")), **config)
