"""A loss of whole embeddings and of their first dimensions alone."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from tb_keras.checks.arguments import check_int
from tb_keras.losses.distillation.layer import Distillation
from tb_keras.losses.loss_layer import LossLayer, OuterLoss

_EPSILON = 1e-12  # added to squared lengths: the first dimensions may all be zero


@keras.saving.register_keras_serializable(package="tb_keras")
class Matryoshka(OuterLoss):
    """Adds a loss of the embeddings and the same loss of their first dimensions.

    After such a training the first 64 dimensions, say, scaled to unit length, find nearly as much
    as all of them, and take less memory and time to search. The loss is the sum of those of the
    given layer, each with weight 1.

    Args:
        loss: a loss layer of `tb_keras.losses` on embeddings, such as `BidirectionalRanking`. Its
            metrics are means over all sizes.
        dims: positive ints, how many first dimensions to take, fewer than there are.

    Call arguments:
        inputs: what `loss` takes; image and text embeddings come first.

    Raises:
        ValueError: if `dims` are out of range or are not distinct, or `loss` is a `Distillation`,
            which takes a `Matryoshka` as its loss instead.

    Reference:
        Kusupati et al., *Matryoshka Representation Learning*, NeurIPS 2022 (arXiv 2205.13147).

    Examples:
        >>> import numpy as np
        >>> from tb_keras.losses import InfoNCE
        >>> layer = Matryoshka(InfoNCE(temperature=1.0), dims=[1])
        >>> embeddings = np.eye(2, dtype="float32")
        >>> round(float(layer([embeddings, embeddings, np.eye(2, dtype=bool)])), 4)
        0.8165
    """

    settings = ("dims",)

    def __init__(self, loss: LossLayer, dims: Sequence[int], **kwargs):
        super().__init__(loss, **kwargs)
        for dim in dims:
            check_int("dims", dim, least=1)
        if len(set(dims)) < len(dims):
            raise ValueError(f"`dims` must be distinct. Received: dims={list(dims)}")
        if isinstance(loss, Distillation):
            raise ValueError("`loss` must not be a Distillation. Put the Matryoshka into it")
        self.dims = [int(dim) for dim in dims]

    def call(self, inputs):
        images, texts, *masks = inputs
        size = images.shape[1]
        if self.dims and max(self.dims) >= size:
            raise ValueError(
                f"`dims` must be less than the size of the embeddings, {size}. "
                f"Received: dims={self.dims}"
            )
        total = self.loss(inputs)
        for dim in self.dims:
            total += self.loss([_first(images, dim), _first(texts, dim), *masks])
        return total


def _first(embeddings, dim: int):
    """Returns the first dimensions, rows of unit length."""
    taken = ops.cast(embeddings[:, :dim], "float32")
    squares = ops.sum(taken * taken, axis=1, keepdims=True)
    return taken * ops.rsqrt(squares + _EPSILON)
