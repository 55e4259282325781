"""The two parts of an encoder: what stays as it is, and what is trained."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np


class SplitModel(NamedTuple):
    """The two parts of a model.

    Attributes:
        lower: a model from the whole's input to rows, float32 `(batch, row_dim)`.
        upper: a model from these rows to the whole's output.
    """

    lower: keras.Model
    upper: keras.Model


def split_model(model: keras.Model, layer: str) -> SplitModel:
    """Splits a functional model after one of its layers.

    The lower part ends with all that the upper part needs: the layer's output, and what passes by
    it, such as the features of earlier layers. It is flattened and joined to one row for each item.
    Both parts share the model's layers and weights.

    Args:
        model: a functional model of one input and one output, all of whose tensors after the layer
            have static shapes but for the batch.
        layer: name of the layer.

    Raises:
        ValueError: if the model has no such layer, its output does not depend on it, or a shape is
            not static.

    Examples:
        >>> inputs = keras.Input((4,))
        >>> hidden = keras.layers.Dense(3, name="hidden")(inputs)
        >>> model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
        >>> lower, upper = split_model(model, "hidden")
        >>> rows = np.ones((5, 4), "float32")
        >>> np.allclose(upper(lower(rows)), model(rows))
        True
    """
    boundary = _boundary(model, layer)
    shapes = [tensor.shape[1:] for tensor in boundary]
    if any(size is None for shape in shapes for size in shape):
        raise ValueError(f"`layer` must be where shapes are static. Received: {layer!r}, {shapes}")
    flat = [keras.layers.Flatten(dtype="float32")(tensor) for tensor in boundary]
    joined = flat[0] if len(flat) == 1 else keras.layers.Concatenate(dtype="float32")(flat)
    lower = keras.Model(model.input, joined, name=f"{model.name}_lower")
    rows = keras.Input((joined.shape[1],), name="rows")
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    parts = [
        keras.layers.Reshape(shape)(rows[:, first:last])
        for shape, first, last in zip(shapes, ends, ends[1:])
    ]
    above = keras.Model(boundary, model.output)
    upper = keras.Model(rows, above(parts if len(parts) > 1 else parts[0]), name="upper")
    return SplitModel(lower, upper)


def _boundary(model: keras.Model, layer: str) -> list[keras.KerasTensor]:
    """Returns the tensors that what depends on a layer's output takes, this output first."""
    nodes = [
        node
        for depth in sorted(model._nodes_by_depth, reverse=True)
        for node in model._nodes_by_depth[depth]
    ]
    # A layer that other models share has outputs there, too.
    cut = next((node.outputs[0] for node in nodes if node.operation.name == layer), None)
    above, boundary = {id(cut)}, {id(cut): cut}
    for node in nodes:
        taken = node.input_tensors
        if any(id(tensor) in above for tensor in taken):
            above |= {id(tensor) for tensor in node.outputs}
            below = [tensor for tensor in taken if id(tensor) not in above]
            boundary |= {id(tensor): tensor for tensor in below}
    if id(model.output) not in above:
        raise ValueError(f"`layer` must be one that the output depends on. Received: {layer!r}")
    return list(boundary.values())
