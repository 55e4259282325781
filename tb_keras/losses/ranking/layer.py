"""The ranking loss as a layer, for functional models trained without a `y`."""

from __future__ import annotations

import keras

from tb_keras.losses.ranking.loss import check_ranking_settings, ranking_terms

_TERMS = ("image_anchor", "text_anchor", "image_neighborhood", "text_neighborhood")


@keras.saving.register_keras_serializable(package="tb_keras")
class BidirectionalRanking(keras.layers.Layer):
    """Adds `tb_keras.losses.bidirectional_ranking_loss` to the model that holds this layer.

    Call it on `[image_embeddings, text_embeddings, matches, negatives, text_negatives,
    image_negatives]` (the last three may be left out). It returns the loss, a float32 scalar, and
    adds it by `add_loss`, so that `model.compile(optimizer)` and `model.fit(batches)` need no `y`.
    It owns metrics: the mean of each term with a weight, and `violating`, the share of the triplets
    looked at that still violate the margin: near 1 all the time, it shows a collapse.

    The arguments are those of the function. `model.compile(jit_compile="auto")`, Keras's default,
    leaves XLA out on machines without an accelerator, where it made a whole training step more than
    twice as slow; `jit_compile=True` compiles it anywhere.

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
        # Float32 under every policy, and embeddings must not be cast down on their way in.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.weights_of_terms = {
            "image_anchor": image_anchor_weight,
            "text_anchor": text_anchor_weight,
            "image_neighborhood": image_neighborhood_weight,
            "text_neighborhood": text_neighborhood_weight,
        }
        check_ranking_settings(margin, top_k, self.weights_of_terms, positive, block_rows)
        self.margin, self.top_k, self.positive = margin, top_k, positive
        self.block_rows = block_rows
        self.trackers = {
            name: keras.metrics.Mean(name=name)
            for name, weight in self.weights_of_terms.items()
            if weight
        }
        self.violating = keras.metrics.Mean(name="violating")
        self.built = True

    def call(self, inputs):
        images, texts, matches, *masks = inputs
        masks = [*masks, None, None, None][:3]
        terms = ranking_terms(
            images,
            texts,
            matches,
            negatives=masks[0],
            text_negatives=masks[1],
            image_negatives=masks[2],
            margin=self.margin,
            top_k=self.top_k,
            positive=self.positive,
            names=list(self.trackers),
            block_rows=self.block_rows,
        )
        loss = keras.ops.zeros(())
        violating, triplets = keras.ops.zeros(()), keras.ops.zeros(())
        for name, term in terms.items():
            loss += self.weights_of_terms[name] * term.loss
            violating += term.violating
            triplets += term.triplets
            self.trackers[name].update_state(term.loss)
        self.violating.update_state(
            violating / keras.ops.maximum(triplets, 1.0), sample_weight=triplets
        )
        self.add_loss(loss)
        return loss

    def compute_output_shape(self, input_shape):
        return ()

    def get_config(self) -> dict:
        weights = {f"{name}_weight": self.weights_of_terms[name] for name in _TERMS}
        settings = {"margin": self.margin, "top_k": self.top_k, "positive": self.positive}
        settings["block_rows"] = self.block_rows
        return {**super().get_config(), **settings, **weights}
