"""All settings of the training of a network, in one place."""

from __future__ import annotations

import dataclasses

import keras

TASKS = ("retrieval", "localization")
NETWORKS = ("embedding", "similarity", "cca")
STARTS = ("random", "canonical")
LOSSES = ("ranking", "max_violation", "info_nce", "sigmoid")
KEPT_EPOCHS = ("best", "last")


def _setting(default, description: str):
    return dataclasses.field(default=default, metadata={"help": description})


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of the network, the loss, the batches and the optimizer.

    The defaults are those of the authors' released code where it has them (sizes, loss weights,
    margin, batch of 500 images with 2 texts each, 20 epochs); they suit tens of thousands of
    images. That code computes the decay of the learning rate and then hands Adam the first value;
    here it decays. Each field's metadata says what it is, and of what it is a setting.

    Raises:
        ValueError: if `network`, `loss`, `start` or `kept_epoch` is unknown, Keras knows no
            `dtype`, `epochs` or `learning_rate` is not positive, or `learning_rate_decay` is not in
            [0, 1]. The other settings are checked by the network, the loss and the batches that
            take them.

    Examples:
        >>> Recipe(margin=0.2, top_k=0).ranking_settings()["top_k"] is None
        True
    """

    network: str = _setting("embedding", "Network: embedding, similarity or cca.")
    hidden_dim: int = _setting(2048, "Units of each branch's hidden layer.")
    embedding_dim: int = _setting(512, "Size of the branches' outputs; cca: at most.")
    joint_dims: tuple[int, ...] = _setting(
        (1024, 256), "Similarity network: units of the layers after the product."
    )
    dropout: float = _setting(0.5, "Dropout rate after each hidden layer.")
    noise: float = _setting(0.0, "Noise on standardised features, in standard deviations.")
    dtype: str = _setting(
        "",
        "Keras dtype policy of the network, such as mixed_bfloat16; Keras's own if empty.",
    )
    start: str = _setting(
        "random",
        "What training starts from: random weights or canonical, the maps of canonical correlation "
        "analysis.",
    )
    landmarks: int = _setting(
        2000,
        "Canonical start: radial basis functions a view, at most, that its maps are sums of, where "
        "no view has more than four times as many rows; 0 for linear maps.",
    )

    loss: str = _setting(
        "ranking",
        "Embedding network: loss, ranking, max_violation (ranking with top_k 1), info_nce or "
        "sigmoid.",
    )
    margin: float = _setting(0.05, "Ranking loss: margin between unit vectors.")
    top_k: int = _setting(
        10, "Ranking loss: nearest negatives an anchor is held against; 0 for all."
    )
    image_anchor_weight: float = _setting(1.0, "Ranking loss: weight of images as anchors.")
    text_anchor_weight: float = _setting(1.5, "Ranking loss: weight of texts as anchors.")
    image_neighborhood_weight: float = _setting(0.0, "Ranking loss: of image neighbourhoods.")
    text_neighborhood_weight: float = _setting(0.05, "Ranking loss: of text neighbourhoods.")
    positive: str = _setting("hardest", "Ranking loss: neighbour that counts, hardest or all.")

    negative_sampling: str = _setting("hardest", "Logistic loss: negatives, hardest or random.")
    negative_images: int = _setting(
        1, "Logistic loss: negative images (regions) for each positive of a text (phrase)."
    )
    negative_texts: int = _setting(
        1, "Logistic loss: negative texts (phrases) for each image (region) with a match."
    )
    candidates: int = _setting(
        0, "Logistic loss: random negatives among which to find the hardest; 0 for all."
    )

    images_per_batch: int = _setting(500, "Retrieval: distinct images in a batch.")
    texts_per_image: int = _setting(2, "Retrieval: texts of each image in a batch.")
    gradient_cache_rows: int = _setting(
        0,
        "Images or texts of a batch to carry through the network at a time (gradient caching), for "
        "large batches on little memory; 0 for all at once.",
    )

    pictures_per_batch: int = _setting(32, "Localization: distinct pictures in a batch.")
    phrases_per_picture: int = _setting(4, "Localization: phrases of each picture in a batch.")
    regions_per_picture: int = _setting(64, "Localization: regions of each picture in a batch.")
    regions_per_phrase: int = _setting(
        4, "Localization: matching regions that come with each phrase."
    )
    cross_image_negatives: bool = _setting(
        False, "Localization: whether regions and phrases of other pictures are negatives."
    )

    epochs: int = _setting(20, "Passes over the texts.")
    learning_rate: float = _setting(1e-4, "Adam's first learning rate.")
    learning_rate_decay: float = _setting(
        0.794,
        "Factor by which the learning rate falls after each epoch; 0 for a cosine down to 0.",
    )
    kept_epoch: str = _setting(
        "best", "Epoch whose network is kept: best, by the validation split, or last."
    )

    def __post_init__(self):
        if self.network not in NETWORKS:
            raise ValueError(
                f"`network` must be one of {', '.join(NETWORKS)}. Received: {self.network!r}"
            )
        if self.start not in STARTS:
            raise ValueError(
                f"`start` must be one of {', '.join(STARTS)}. Received: {self.start!r}"
            )
        if self.loss not in LOSSES:
            raise ValueError(f"`loss` must be one of {', '.join(LOSSES)}. Received: {self.loss!r}")
        if self.kept_epoch not in KEPT_EPOCHS:
            raise ValueError(
                f"`kept_epoch` must be one of {', '.join(KEPT_EPOCHS)}. "
                f"Received: {self.kept_epoch!r}"
            )
        if self.epochs < 1:
            raise ValueError(f"`epochs` must be a positive int. Received: epochs={self.epochs}")
        if not self.learning_rate > 0:
            raise ValueError(
                f"`learning_rate` must be positive. Received: learning_rate={self.learning_rate}"
            )
        if not 0 <= self.learning_rate_decay <= 1:
            raise ValueError(
                "`learning_rate_decay` must be in [0, 1]. "
                f"Received: learning_rate_decay={self.learning_rate_decay}"
            )
        if self.dtype:
            keras.dtype_policies.get(self.dtype)  # raises where there is none of that name

    def settings(self) -> dict:
        """Returns the settings that a run keeps: those that its training uses."""
        if self.network == "cca":
            return {"network": self.network, **self.network_settings()}
        landmarks = self.landmarks if self.start == "canonical" else 0
        return {**dataclasses.asdict(self), "landmarks": landmarks}

    def network_settings(self) -> dict:
        """Returns the arguments of the network: those that they share or that one of them has."""
        if self.network == "cca":
            return self._only("embedding_dim")
        settings = self._only("hidden_dim embedding_dim dropout noise")
        settings["dtype"] = self.dtype or None
        settings["projected"] = self.start == "canonical"
        if self.network == "similarity":
            settings["joint_dims"] = self.joint_dims
        return settings

    def ranking_settings(self) -> dict:
        """Returns the arguments of `tb_keras.losses.BidirectionalRanking`."""
        weights = "image_anchor_weight text_anchor_weight image_neighborhood_weight"
        names = f"margin positive {weights} text_neighborhood_weight"
        top_k = 1 if self.loss == "max_violation" else self.top_k or None
        return {"top_k": top_k, **self._only(names)}

    def logistic_settings(self) -> dict:
        """Returns the arguments of `tb_keras.losses.PairwiseLogistic`, but for the fusion."""
        names = "negative_sampling negative_images negative_texts"
        return {"candidates": self.candidates or None, **self._only(names)}

    def region_settings(self) -> dict:
        """Returns the arguments of `tb_keras.batching.region_batches`."""
        names = "pictures_per_batch phrases_per_picture regions_per_picture regions_per_phrase"
        return self._only(f"{names} cross_image_negatives")

    def _only(self, names: str) -> dict:
        return {name: getattr(self, name) for name in names.split()}


_PAPER_SIMILARITY = Recipe(network="similarity", hidden_dim=1024, embedding_dim=1024)
# Chosen on groups of the OpenMoji training and validation pictures held out in turn: with a
# thousand images, noise on the features is what keeps the loss from learning them by heart.
_SMALL = Recipe(
    hidden_dim=1024,
    dropout=0.3,
    noise=1.0,
    margin=0.1,
    images_per_batch=200,
    epochs=30,
    learning_rate=1e-3,
    learning_rate_decay=0.0,
)
# On the validation pictures 30 negatives and a margin of 0.2 gave rsum 321 on Fluent Emoji and 260
# on OpenMoji after 200 steps, 10 negatives 259 and 230 (margin 0.1; 260 and 229 with 0.3), all of
# them 286 and 234, InfoNCE 322 and 262.
_SMALL_FROM_RANDOM = dataclasses.replace(_SMALL, margin=0.2, top_k=30)
# CCA won against the network from random weights (rsum 187 to 182 on two folds of OpenMoji, 292 to
# 283 on two of Fluent Emoji), and by a kernel far more: see `canonical_start`. So this one starts
# from it, and needs few epochs.
# On pictures held out of the training and validation pictures, siblings together, it gave rsum
# 211.6 on OpenMoji (four ways), 340.3 on Fluent Emoji (three) and 110.5 in all languages (three):
# the start alone 210.7, 340.3 and 105.0; 5 epochs 203.1 and 109.6 where 3 gave 202.0 and 111.0 (one
# fold of OpenMoji, one of all languages). By a start with settings that validation chose, and 512
# dimensions, much else was equal on the first two: noise of 0.1 205.7 and 317.9, of 0.5 205.8 and
# 319.8; InfoNCE 206.3 and 320.0, the hardest negative alone 206.2 and 319.1, twice the units and
# learning rate 204.7 and 320.0. Noise of 0.5 was worse in all languages (92.9 to 96.1). By
# dimensions that start gave 203.4 (256), 204.3 (384), 206.0 (768) and 206.4 (1,024) on OpenMoji,
# and 318.6, 321.5, 322.4 and 323.0 on Fluent Emoji.
# The last epoch was better than the one that was best on a tenth of the pictures, and far better
# where the start counted as an epoch.
_SMALL_FROM_CANONICAL = dataclasses.replace(
    _SMALL,
    hidden_dim=512,
    embedding_dim=1024,
    dropout=0.5,
    noise=0.1,
    margin=0.2,
    epochs=3,
    learning_rate=5e-4,
    start="canonical",
    kept_epoch="last",
)
# The hardest of all negatives led the regression astray (rsum 60 to 130 on the validation
# pictures); the hardest five of ten drawn at random gave 256, and ten random ones 232.
_REGRESSION = {
    "network": "similarity",
    "joint_dims": (256, 64),
    "negative_images": 5,
    "negative_texts": 5,
    "candidates": 10,
}
_SMALL_SIMILARITY_FROM_RANDOM = dataclasses.replace(_SMALL, **_REGRESSION, embedding_dim=256)
# On two folds of held-out pictures from random weights rsum 195 and 172 on OpenMoji, 247 and 230 on
# Fluent Emoji; from canonical correlation analysis 267 and 216, 328 and 292, which is as high as
# untrained (267 and 215, 329 and 294), and on one of all languages 161 (155 untrained). The hardest
# five of 50 gave 264 and 218, 328 and 294, 158; twice the learning rate 263 and 215.
_SMALL_SIMILARITY = dataclasses.replace(_SMALL_FROM_CANONICAL, **_REGRESSION)
# Chosen on the validation scenes, where 1 to 4 epochs, noise of 0.5 and 1 and margins of 0.1 and
# 0.2 lay within 2 points of recall@1.
_SMALL_LOCALIZATION = dataclasses.replace(
    _SMALL,
    hidden_dim=512,
    embedding_dim=256,
    noise=0.5,
    pictures_per_batch=16,
    regions_per_picture=48,
    epochs=2,
)
# Regions of one's own picture are few and hard enough: the hardest eight of all 32.
_SMALL_SIMILARITY_LOCALIZATION = dataclasses.replace(
    _SMALL_LOCALIZATION,
    network="similarity",
    joint_dims=(256, 64),
    noise=1.0,
    negative_images=8,
    negative_texts=0,
    candidates=32,
    phrases_per_picture=6,
    regions_per_picture=32,
    regions_per_phrase=2,
)

_CCA = Recipe(network="cca")

RECIPES = {
    ("retrieval", "embedding"): {
        "paper": Recipe(),
        "small": _SMALL_FROM_CANONICAL,
        "small_from_random": _SMALL_FROM_RANDOM,
    },
    ("retrieval", "similarity"): {
        "paper": _PAPER_SIMILARITY,
        "small": _SMALL_SIMILARITY,
        "small_from_random": _SMALL_SIMILARITY_FROM_RANDOM,
    },
    ("retrieval", "cca"): {"paper": _CCA, "small": _CCA},
    ("localization", "embedding"): {"paper": Recipe(), "small": _SMALL_LOCALIZATION},
    ("localization", "similarity"): {
        "paper": _PAPER_SIMILARITY,
        "small": _SMALL_SIMILARITY_LOCALIZATION,
    },
    ("localization", "cca"): {"paper": _CCA, "small": _CCA},
}
"""The recipes by task and network, and then by name.

"paper" has the authors' settings, "small" those for thousands of pictures, and "small_from_random"
those for a text encoder that is trained with the network.
"""
