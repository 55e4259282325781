"""A model over the rows of several crops: of one of them while training, of all of them after."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tb_keras.encoders.image.image_crops import MeanOfCrops


@keras.saving.register_keras_serializable(package="tb_keras")
class CropsInTurn(keras.layers.Layer):
    """A layer that calls a model on the rows of each image's crops.

    While training it draws one crop of each image, so that an epoch shows other crops than the one
    before. After that it averages the features of all crops.

    Args:
        model: a model from rows, float `(batch, row_dim)`, to features `(batch, feature_dim)`.
        crops: positive int, the number of crops of each image.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float `(batch, crops * row_dim)`, the rows of an image's crops side by side.

    Returns:
        Float32 `(batch, feature_dim)`.

    Examples:
        >>> import numpy as np
        >>> rows = keras.Input((2,))
        >>> layer = CropsInTurn(keras.Model(rows, 10.0 * rows), crops=2)
        >>> layer(np.array([[1.0, 2.0, 3.0, 6.0]])).numpy()
        array([[20., 40.]], dtype=float32)
    """

    def __init__(self, model: keras.Model, crops: int, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.model, self.crops = model, crops
        self.mean = MeanOfCrops(crops)
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    def call(self, inputs, training=False):
        row_dim = inputs.shape[1] // self.crops
        rows = ops.reshape(inputs, (-1, self.crops, row_dim))
        if not training:
            return self.mean(self.model(ops.reshape(rows, (-1, row_dim))))
        batch = (ops.shape(rows)[0],)
        drawn = keras.random.randint(batch, 0, self.crops, seed=self.seed_generator)
        taken = ops.take_along_axis(rows, drawn[:, None, None], axis=1)
        return self.model(taken[:, 0], training=True)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.model.output_shape[1])

    def get_config(self) -> dict:
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model, "crops": self.crops}

    @classmethod
    def from_config(cls, config: dict) -> CropsInTurn:
        """Builds the layer and the model within it."""
        return cls(keras.saving.deserialize_keras_object(config.pop("model")), **config)
