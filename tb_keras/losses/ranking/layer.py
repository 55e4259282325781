"""The ranking loss as a layer, for functional models trained without a `y`."""

from __future__ import annotations

import dataclasses

import keras
from keras import ops

from tb_keras.losses.loss_layer import LossLayer
from tb_keras.losses.ranking.settings import RankingSettings
from tb_keras.losses.ranking.terms import ranking_terms


@keras.saving.register_keras_serializable(package="tb_keras")
class BidirectionalRanking(LossLayer):
    """Adds `tb_keras.losses.bidirectional_ranking_loss` to the model that holds this layer.

    The layer returns the loss, a float32 scalar, and adds it by `add_loss`, so that
    `model.compile(optimizer)` and `model.fit(batches)` need no `y`. Its metrics are the mean of
    each term that has a weight, and `violating`, the share of the triplets that still violate the
    margin. A share that stays near 1 means that the embeddings have collapsed.

    Keras's default, `model.compile(jit_compile="auto")`, uses XLA only where there is an
    accelerator, which is right for this loss. `jit_compile=True` uses it anywhere.

    Args:
        margin: positive float.
        top_k: positive int, how many of an anchor's nearest negatives count, or None for all.
        image_anchor_weight: at least 0.
        text_anchor_weight: at least 0.
        image_neighborhood_weight: at least 0.
        text_neighborhood_weight: at least 0.
        positive: `"hardest"` or `"all"`.
        block_rows: positive int, how many anchors to take at a time, or None for all.

    Call arguments:
        inputs: `[image_embeddings, text_embeddings, matches, negatives, text_negatives,
            image_negatives]`, the arguments of the function. The last three may be left out.

    Raises:
        ValueError: if a setting is out of range or an input has the wrong shape.

    Examples:
        >>> import numpy as np
        >>> layer = BidirectionalRanking(margin=0.2)
        >>> embeddings = np.eye(3, dtype="float32")
        >>> float(layer([embeddings, embeddings, np.eye(3, dtype=bool)]))
        0.0
    """

    def __init__(
        self,
        margin: float = 0.05,
        top_k: int | None = 10,
        image_anchor_weight: float = 1.0,
        text_anchor_weight: float = 1.5,
        image_neighborhood_weight: float = 0.0,
        text_neighborhood_weight: float = 0.05,
        positive: str = "hardest",
        block_rows: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.ranking = RankingSettings(
            margin,
            top_k,
            image_anchor_weight,
            text_anchor_weight,
            image_neighborhood_weight,
            text_neighborhood_weight,
            positive,
            block_rows,
        )
        self.margin, self.top_k, self.positive = margin, top_k, positive
        self.block_rows = block_rows
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.ranking.weights}
        self.violating = keras.metrics.Mean(name="violating")
        self.built = True

    def call(self, inputs):
        images, texts, matches, *masks = [*inputs, None, None, None][:6]
        negatives, of_texts, of_images = masks
        arguments = images, texts, matches, negatives, of_texts, of_images
        loss, violating, triplets = ops.zeros(()), ops.zeros(()), ops.zeros(())
        for name, term in ranking_terms(*arguments, self.ranking).items():
            loss += self.ranking.weights[name] * term.loss
            violating += term.violating
            triplets += term.triplets
            self.trackers[name].update_state(term.loss)
        share = violating / ops.maximum(triplets, 1.0)
        self.violating.update_state(share, sample_weight=triplets)
        self.add_loss(loss)
        return loss

    def get_config(self) -> dict:
        return {**super().get_config(), **dataclasses.asdict(self.ranking)}
