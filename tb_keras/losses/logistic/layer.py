"""The logistic loss as a layer that chooses the pairs of a batch that it looks at."""

from __future__ import annotations

import math

import keras
from keras import ops

from tb_keras.checks.arguments import check_int
from tb_keras.losses.batch_arguments import checked_batch
from tb_keras.losses.logistic.loss import pairwise_logistic_loss
from tb_keras.losses.logistic.pair_choice import choose_pairs, filled_with_valid
from tb_keras.losses.loss_layer import LossLayer


@keras.saving.register_keras_serializable(package="tb_keras")
class PairwiseLogistic(LossLayer):
    """Adds `tb_keras.losses.pairwise_logistic_loss` over chosen pairs to the model that holds it.

    From the n·m pairs of a batch the layer chooses

    - for each text, up to `positives_per_text` of its matching images, at random (label +1);
    - for each of these positives, `negative_images` negative images of its text (label −1);
    - for each image with a match, `negative_texts` of its negative texts (label −1).

    One call of `fusion` scores these pairs, and only they have a gradient. Where a text has fewer
    matches or an anchor fewer negatives, chosen pairs are repeated with label 0, so that batch
    normalisation in `fusion` sees chosen pairs only. The hardest negatives are found by scoring
    pairs without gradient and with `training=False`, which changes no statistics.

    The layer returns the loss, a float32 scalar, and adds it by `add_loss`, so that
    `model.compile(optimizer)` and `model.fit(batches)` need no `y`. Its metrics are `logistic`, the
    mean loss, and `misclassified`, the share of labelled pairs whose score does not have the sign
    of the label. A score of 0 has neither sign. A batch without a match has loss 0.

    Args:
        fusion: Keras model or layer, such as the joint layers of the similarity network. It takes a
            dict of `"image"` and `"text"`, float32 `(k, dim)` each, and returns the scores of these
            pairs, `(k,)` or `(k, 1)`. It is shared, not copied.
        negative_sampling: `"hardest"`, which chooses the negatives of highest score, or `"random"`.
        negative_images: int, at least 0, negative images for each positive of a text.
        negative_texts: int, at least 0, negative texts for each image with a match.
        positives_per_text: positive int.
        candidates: positive int, how many negatives of each anchor, drawn at random, are scored to
            find the hardest. None scores all pairs of the batch, once for both directions, which
            takes much longer in large batches.
        block_rows: positive int, how many pairs are scored at a time to find the hardest negatives.
            It bounds memory and changes no result.
        seed: int for the random choices, or None to draw one. XLA draws other numbers from the same
            seed.

    Call arguments:
        inputs: `[image_embeddings, text_embeddings, matches, negatives]`, with the shapes of
            `tb_keras.losses.bidirectional_ranking_loss`. Negatives may be None or left out. Further
            masks are ignored.
        training: whether `fusion` is called in training mode.

    Raises:
        ValueError: if a setting is out of range, an input has the wrong shape or `fusion` does not
            return one score for each pair.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, the similarity network
        (arXiv 1704.03470).

    Examples:
        >>> import numpy as np
        >>> pair = {name: keras.Input((3,), name=name) for name in ("image", "text")}
        >>> fusion = keras.Model(pair, keras.layers.Dot(axes=1)([pair["image"], pair["text"]]))
        >>> layer = PairwiseLogistic(fusion, seed=0)
        >>> embeddings = np.eye(3, dtype="float32")
        >>> loss = layer([embeddings, embeddings, np.eye(3, dtype=bool)])
        >>> round(float(loss), 3), round(float((np.log1p(np.exp(-1)) + 2 * np.log(2)) / 3), 3)
        (0.567, 0.567)
    """

    settings = (
        "negative_sampling",
        "negative_images",
        "negative_texts",
        "positives_per_text",
        "candidates",
        "block_rows",
        "seed",
    )

    def __init__(
        self,
        fusion: keras.layers.Layer,
        negative_sampling: str = "hardest",
        negative_images: int = 1,
        negative_texts: int = 1,
        positives_per_text: int = 1,
        candidates: int | None = None,
        block_rows: int = 4096,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fusion = fusion
        self.negative_sampling = negative_sampling
        self.negative_images, self.negative_texts = negative_images, negative_texts
        self.positives_per_text, self.candidates = positives_per_text, candidates
        self.block_rows, self.seed = block_rows, seed
        self._check_settings()
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.logistic = keras.metrics.Mean(name="logistic")
        self.misclassified = keras.metrics.Mean(name="misclassified")

    def build(self, input_shape):
        if not self.fusion.built:  # the loop over blocks can make no weights
            dim = input_shape[0][-1]
            self.fusion({name: keras.KerasTensor((1, dim)) for name in ("image", "text")})

    def call(self, inputs, training=None):
        images, texts, matches, negatives = checked_batch(*[*inputs, None][:4])

        def mining_scores(image_rows, text_rows):
            return self._scores_in_blocks(images, texts, image_rows, text_rows)

        image_rows, text_rows, labels = choose_pairs(
            matches,
            negatives,
            self.seed_generator,
            score=mining_scores if self.negative_sampling == "hardest" else None,
            candidates=self.candidates,
            negative_images=self.negative_images,
            negative_texts=self.negative_texts,
            positives_per_text=self.positives_per_text,
        )
        filled = filled_with_valid(labels != 0)
        image_rows, text_rows = ops.take(image_rows, filled), ops.take(text_rows, filled)
        scores = self._scores(images, texts, image_rows, text_rows, training)
        loss = pairwise_logistic_loss(scores, labels)
        self.logistic.update_state(loss)
        wrong = ~(labels * scores > 0)
        self.misclassified.update_state(ops.cast(wrong, "float32"), sample_weight=ops.abs(labels))
        self.add_loss(loss)
        return loss

    def get_config(self) -> dict:
        fusion = keras.saving.serialize_keras_object(self.fusion)
        return {**super().get_config(), "fusion": fusion}

    @classmethod
    def from_config(cls, config: dict) -> PairwiseLogistic:
        fusion = keras.saving.deserialize_keras_object(config["fusion"])
        return cls(**{**config, "fusion": fusion})

    def _scores_in_blocks(self, images, texts, image_rows, text_rows):
        """Returns scores of pairs without gradient, float32 of the shape of both rows."""
        pairs = math.prod(image_rows.shape)
        block = min(self.block_rows, pairs)
        blocks = -(-pairs // block)

        def in_blocks(rows):
            rows = ops.pad(ops.reshape(rows, [-1]), [[0, blocks * block - pairs]])
            return ops.reshape(rows, [blocks, block])

        def score(rows):
            image_rows, text_rows = rows
            return self._scores(images, texts, image_rows, text_rows, training=False)

        scores = ops.map(score, (in_blocks(image_rows), in_blocks(text_rows)))
        scores = ops.reshape(ops.stop_gradient(scores), [-1])[:pairs]
        return ops.reshape(scores, image_rows.shape)

    def _scores(self, images, texts, image_rows, text_rows, training):
        """Returns float32 `(k,)`, the scores of the pairs of an image row and a text row."""
        pairs = {
            "image": ops.take(images, image_rows, axis=0),
            "text": ops.take(texts, text_rows, axis=0),
        }
        scores = self.fusion(pairs, training=training)
        size = image_rows.shape[0]
        shape = tuple(getattr(scores, "shape", ()))
        if shape not in ((size,), (size, 1)):
            raise ValueError(
                f"`fusion` must return one score a pair, of shape {(size,)} or {(size, 1)}. "
                f"Received: {type(scores).__name__} of shape={shape}"
            )
        return ops.cast(ops.reshape(scores, [size]), "float32")

    def _check_settings(self) -> None:
        """Raises a ValueError for the first setting that is out of range."""
        if not isinstance(self.fusion, keras.layers.Layer):
            raise ValueError(f"`fusion` must be a Keras model or layer. Received: {self.fusion!r}")
        if self.negative_sampling not in ("hardest", "random"):
            raise ValueError(
                "`negative_sampling` must be 'hardest' or 'random'. "
                f"Received: negative_sampling={self.negative_sampling!r}"
            )
        for name in ("negative_images", "negative_texts"):
            check_int(name, getattr(self, name), least=0)
        if not self.negative_images and not self.negative_texts:
            raise ValueError(
                "`negative_images` and `negative_texts` must not both be 0. Received: 0 and 0"
            )
        check_int("positives_per_text", self.positives_per_text, least=1)
        check_int("block_rows", self.block_rows, least=1)
        if self.candidates is not None:
            most = max(self.negative_images * self.positives_per_text, self.negative_texts)
            check_int("candidates", self.candidates, least=most)
