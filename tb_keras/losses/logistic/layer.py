"""The logistic loss as a layer that chooses its pairs, the hardest negatives among them."""

from __future__ import annotations

import math

import keras
from keras import ops

from tb_keras.checks.arguments import check_int
from tb_keras.losses.batch_arguments import as_mask, static_sizes
from tb_keras.losses.logistic.loss import pairwise_logistic_loss
from tb_keras.losses.logistic.pair_choice import choose_pairs, filled_with_valid

_SETTINGS = (
    "negative_sampling",
    "negative_images",
    "negative_texts",
    "positives_per_text",
    "candidates",
    "block",
    "seed",
)


@keras.saving.register_keras_serializable(package="tb_keras")
class PairwiseLogistic(keras.layers.Layer):
    """Adds `tb_keras.losses.pairwise_logistic_loss` over chosen pairs to the model that holds it.

    Call it on `[image_embeddings, text_embeddings, matches, negatives]`, with the shapes of
    `tb_keras.losses.bidirectional_ranking_loss`; negatives may be None or left out, and further
    masks may follow, which are not looked at. Of the batch's n·m pairs it chooses

    - for each text, up to `positives_per_text` of its matching images, at random (label +1);
    - for each of these positives, `negative_images` negative images of its text (label −1);
    - for each image with a match, `negative_texts` of its negative texts (label −1),

    and scores these alone with a gradient, by one call of `fusion`. Slots left over, where a text
    has fewer matches or an anchor fewer negatives, repeat chosen pairs with label 0, so that batch
    normalisation in `fusion` sees chosen pairs only. The hardest negatives are found by scoring in
    blocks, without gradient and with `training=False`, which leaves its statistics as they are.

    It returns the loss, a float32 scalar, and adds it by `add_loss`, so that
    `model.compile(optimizer)` and `model.fit(batches)` need no `y`. It owns metrics: `logistic`,
    the mean loss, and `misclassified`, the share of labelled pairs whose score has not the sign of
    their label (0 has neither sign). A batch without a match has loss 0.

    Args:
        fusion: Keras model or layer, the similarity network's joint layers: from a dict of
            `"image"` and `"text"`, float32 `(k, dim)` each, to the scores of these pairs, `(k,)`
            or `(k, 1)`. Shared, not copied.
        negative_sampling: `"hardest"`, those of the highest score, or `"random"`.
        negative_images: int, at least 0, negative images for each positive of a text.
        negative_texts: int, at least 0, negative texts for each image with a match.
        positives_per_text: positive int.
        candidates: how many of each anchor's negatives, drawn at random, are scored to find the
            hardest; None scores all pairs of the batch, once for both directions. On two CPU
            cores, 500 images with 1000 texts (1024 dimensions, joint layers of 1024 and 256) took
            4.8 s a step with None, 0.4 s with 20.
        block: positive int, the most pairs scored at a time while looking for the hardest. It
            bounds memory and changes no result.
        seed: int, for the random choices; None draws one. XLA draws other numbers from the same
            seed.

    Raises:
        ValueError: if an argument is out of range, an input has the wrong shape or `fusion` returns
            anything but one score a pair.

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

    def __init__(
        self,
        fusion: keras.layers.Layer,
        negative_sampling: str = "hardest",
        negative_images: int = 1,
        negative_texts: int = 1,
        positives_per_text: int = 1,
        candidates: int | None = None,
        block: int = 4096,
        seed: int | None = None,
        **kwargs,
    ):
        # Float32 under every policy, and embeddings must not be cast down on their way in.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        self.fusion = fusion
        self.negative_sampling = negative_sampling
        self.negative_images, self.negative_texts = negative_images, negative_texts
        self.positives_per_text, self.candidates = positives_per_text, candidates
        self.block, self.seed = block, seed
        self._check_settings()
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.logistic = keras.metrics.Mean(name="logistic")
        self.misclassified = keras.metrics.Mean(name="misclassified")

    def build(self, input_shape):
        if not self.fusion.built:  # no weight can be made inside the loop over blocks
            dim = input_shape[0][-1]
            self.fusion({name: keras.KerasTensor((1, dim)) for name in ("image", "text")})

    def call(self, inputs, training=None):
        images, texts, matches, *masks = inputs
        images, texts = ops.cast(images, "float32"), ops.cast(texts, "float32")
        n, m = static_sizes(images, texts)
        matches = as_mask(matches, n, m)
        negatives = masks[0] if masks else None
        negatives = as_mask(negatives, n, m, "negatives", otherwise=lambda: ~matches)

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

    def compute_output_shape(self, input_shape):
        return ()

    def get_config(self) -> dict:
        fusion = keras.saving.serialize_keras_object(self.fusion)
        settings = {name: getattr(self, name) for name in _SETTINGS}
        return {**super().get_config(), "fusion": fusion, **settings}

    @classmethod
    def from_config(cls, config: dict) -> PairwiseLogistic:
        fusion = keras.saving.deserialize_keras_object(config["fusion"])
        return cls(**{**config, "fusion": fusion})

    def _scores_in_blocks(self, images, texts, image_rows, text_rows):
        """Scores of pairs without gradient, by blocks: float32 of the shape of both rows."""
        pairs = math.prod(image_rows.shape)
        block = min(self.block, pairs)
        blocks = -(-pairs // block)

        def in_blocks(rows):
            rows = ops.pad(ops.reshape(rows, [-1]), [[0, blocks * block - pairs]])
            return ops.reshape(rows, [blocks, block])

        def score(rows):
            return self._scores(images, texts, *rows, training=False)

        scores = ops.map(score, (in_blocks(image_rows), in_blocks(text_rows)))
        scores = ops.reshape(ops.stop_gradient(scores), [-1])[:pairs]
        return ops.reshape(scores, image_rows.shape)

    def _scores(self, images, texts, image_rows, text_rows, training):
        """Float32 `(k,)`, the scores of the pairs of an image row and a text row."""
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
                "`negative_images` and `negative_texts` must not both be 0: all pairs would match"
            )
        check_int("positives_per_text", self.positives_per_text, least=1)
        check_int("block", self.block, least=1)
        if self.candidates is not None:
            most = max(self.negative_images * self.positives_per_text, self.negative_texts)
            check_int("candidates", self.candidates, least=most)
