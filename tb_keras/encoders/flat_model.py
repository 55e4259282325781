"""A functional model without models inside it."""

from __future__ import annotations

import keras


def flat_model(model: keras.Model, shape: tuple[int | None, ...]) -> keras.Model:
    """Returns a functional model in which the layers of the models inside it are its own.

    Both share their layers and weights.

    Args:
        model: a functional model of one input and one output.
        shape: of its input, without the batch.

    Examples:
        >>> import numpy as np
        >>> hidden = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="hidden")])
        >>> inputs = keras.Input((4,))
        >>> model = keras.Model(inputs, 2 * hidden(inputs))
        >>> flat = flat_model(model, (4,))
        >>> flat.get_layer("hidden") is hidden.get_layer("hidden")
        True
        >>> np.allclose(flat(np.ones((5, 4))), model(np.ones((5, 4))))
        True
    """
    return keras.models.clone_model(
        model,
        input_tensors=keras.Input(shape, dtype=model.input.dtype, name=model.input.name),
        clone_function=lambda layer: layer,
        call_function=_called,
    )


def _called(layer: keras.layers.Layer, *args, **kwargs):
    # The call of a functional model runs through its layers; calling the model makes it one.
    return (layer.call if isinstance(layer, keras.Model) else layer)(*args, **kwargs)
