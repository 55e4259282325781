"""All settings of the training of a network."""

from __future__ import annotations

import dataclasses

import keras

from tb_keras.checks.arguments import check_int

TASKS = ("retrieval", "localization")
NETWORKS = ("embedding", "similarity", "cca")
STARTS = ("random", "canonical", "identity", "shared")
LOSSES = ("ranking", "max_violation", "info_nce", "sigmoid")
KEPT_EPOCHS = ("best", "last")
_AT_LEAST_0 = ("warm_up", "weight_decay", "clip_norm", "teacher_weight")
_AT_LEAST_0 += ("image_encoder_rate", "text_encoder_rate")


def _setting(default, description: str):
    return dataclasses.field(default=default, metadata={"help": description})


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of the network, the loss, the batches and the optimizer.

    The defaults are those of the authors' released code where it has them: sizes, loss weights,
    margin, batches of 500 images with 2 texts each, 20 epochs. They suit tens of thousands of
    images. The released code computes the decay of the learning rate but hands Adam the first
    value; here it decays. Each field's metadata has its description under "help".

    Raises:
        ValueError: if `network`, `loss`, `start`, `kept_epoch` or `dtype` is unknown, or `epochs`,
            `learning_rate` or `learning_rate_decay` is out of range. The network, the loss and the
            batches check the other settings.

    Examples:
        >>> Recipe(margin=0.2, top_k=0).ranking_settings()["top_k"] is None
        True
    """

    network: str = _setting("embedding", "Network: embedding, similarity or cca.")
    hidden_dim: int = _setting(2048, "Units of each branch's hidden layer.")
    embedding_dim: int = _setting(
        512,
        "Size of the embeddings; for cca and the canonical start at most. The identity start has "
        "that of the features.",
    )
    joint_dims: tuple[int, ...] = _setting(
        (1024, 256), "Similarity network: units of the layers after the product."
    )
    dropout: float = _setting(0.5, "Dropout rate after each hidden layer.")
    noise: float = _setting(
        0.0, "Standard deviation in [0, 1] of noise on the standardised features while training."
    )
    dtype: str = _setting(
        "",
        "Keras dtype policy of the network, such as mixed_bfloat16; if empty, Keras's own.",
    )
    start: str = _setting(
        "random",
        "Start of the branches: random weights, or canonical, maps fitted by canonical correlation "
        "analysis. For two encoders that share a space also identity, their own features, and "
        "shared, the best on the validation split of identity, canonical and both joined.",
    )
    landmarks: int = _setting(
        2000,
        "Canonical start: radial basis functions of each view, at most. The maps are linear if it "
        "is 0 or less than a quarter of the training images or texts.",
    )

    loss: str = _setting(
        "ranking",
        "Embedding network: loss, one of ranking, max_violation (ranking with top_k 1), info_nce "
        "and sigmoid.",
    )
    matryoshka_dims: tuple[int, ...] = _setting(
        (),
        "Embedding network: numbers of first dimensions whose loss is added, so that they can be "
        "searched alone, such as 64,128,256.",
    )
    teacher_weight: float = _setting(
        1.0, "Embedding network with a teacher: weight of the loss of scores that differ from it."
    )
    teacher_temperature: float = _setting(
        0.05, "Embedding network with a teacher: divides the scores of both before their softmax."
    )
    margin: float = _setting(0.05, "Ranking loss: margin, a distance between unit vectors.")
    top_k: int = _setting(10, "Ranking loss: nearest negatives of an anchor that count; 0 for all.")
    image_anchor_weight: float = _setting(1.0, "Ranking loss: weight of images as anchors.")
    text_anchor_weight: float = _setting(1.5, "Ranking loss: weight of texts as anchors.")
    image_neighborhood_weight: float = _setting(
        0.0, "Ranking loss: weight of image neighbourhoods."
    )
    text_neighborhood_weight: float = _setting(0.05, "Ranking loss: weight of text neighbourhoods.")
    positive: str = _setting("hardest", "Ranking loss: neighbours that count, hardest or all.")

    negative_sampling: str = _setting("hardest", "Logistic loss: negatives, hardest or random.")
    negative_images: int = _setting(
        1, "Logistic loss: negative images (regions) for each positive of a text (phrase)."
    )
    negative_texts: int = _setting(
        1, "Logistic loss: negative texts (phrases) for each image (region) with a match."
    )
    candidates: int = _setting(
        0, "Logistic loss: random negatives among which the hardest are sought; 0 for all."
    )

    images_per_batch: int = _setting(500, "Retrieval: distinct images in a batch.")
    texts_per_image: int = _setting(2, "Retrieval: texts of each image in a batch, at most.")
    mined_images: int = _setting(
        0,
        "Embedding network for retrieval: images of a batch that the network so far confuses with "
        "others of it.",
    )
    gradient_cache_rows: int = _setting(
        0,
        "Gradient caching, for large batches in little memory: images or texts of a batch that go "
        "through the network at a time; 0 for all at once.",
    )

    pictures_per_batch: int = _setting(32, "Localization: distinct pictures in a batch.")
    phrases_per_picture: int = _setting(4, "Localization: phrases of each picture in a batch.")
    regions_per_picture: int = _setting(64, "Localization: regions of each picture in a batch.")
    regions_per_phrase: int = _setting(
        4, "Localization: matching regions of each phrase in a batch."
    )
    cross_image_negatives: bool = _setting(
        False, "Localization: whether regions and phrases of other pictures are negatives."
    )

    epochs: int = _setting(20, "Passes over the texts.")
    learning_rate: float = _setting(1e-4, "Adam's first learning rate.")
    learning_rate_decay: float = _setting(
        0.794,
        "Factor of the learning rate after each epoch, in [0, 1]; 0 for a cosine down to 0.",
    )
    warm_up: float = _setting(
        0.0, "Epochs in which the learning rate rises from 0, where a cosine follows."
    )
    weight_decay: float = _setting(
        0.0, "Share of each weight that a step takes away, as a factor of the learning rate."
    )
    clip_norm: float = _setting(
        0.0, "Longest gradient of all weights together, to which longer ones are cut; 0 for any."
    )
    image_encoder_rate: float = _setting(
        0.1, "Factor of the learning rate for an image encoder that is trained with the network."
    )
    text_encoder_rate: float = _setting(
        1.0, "Factor of the learning rate for a text encoder that is trained with the network."
    )
    lora_rank: int = _setting(
        0,
        "Rank of the changes to the attention of encoders that are trained with the network, whose "
        "other weights stay; 0 to train all weights.",
    )
    kept_epoch: str = _setting(
        "best", "Epoch whose network is kept: best on the validation split, or last."
    )
    interpolate: bool = _setting(
        False,
        "Whether the network that is kept becomes the best on the validation split between its "
        "weights before and after the training.",
    )

    def __post_init__(self):
        for name in ("joint_dims", "matryoshka_dims"):  # JSON has lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
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
        check_int("epochs", self.epochs, least=1)
        check_int("lora_rank", self.lora_rank, least=0)
        for name in ("learning_rate", "teacher_temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"`{name}` must be positive. Received: {name}={getattr(self, name)}"
                )
        for name in _AT_LEAST_0:
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"`{name}` must be at least 0. Received: {name}={getattr(self, name)}"
                )
        if not 0 <= self.learning_rate_decay <= 1:
            raise ValueError(
                "`learning_rate_decay` must be in [0, 1]. "
                f"Received: learning_rate_decay={self.learning_rate_decay}"
            )
        if self.warm_up and (self.learning_rate_decay or self.warm_up >= self.epochs):
            raise ValueError(
                "`warm_up` must be 0 unless learning_rate_decay is 0, and less than epochs. "
                f"Received: warm_up={self.warm_up}"
            )
        if self.dtype:
            keras.dtype_policies.get(self.dtype)  # raises where there is none of that name

    def settings(self) -> dict:
        """Returns the settings that a run keeps, by name.

        They are those that the training uses: for cca the network's alone, and for random weights
        no landmarks.
        """
        if self.network == "cca":
            return {"network": self.network, **self.network_settings()}
        landmarks = self.landmarks if self.start in ("canonical", "shared") else 0
        return {**dataclasses.asdict(self), "landmarks": landmarks}

    def network_settings(self) -> dict:
        """Returns the arguments of the network that `network` names, but for its starts."""
        if self.network == "cca":
            return self._only("embedding_dim")
        settings = self._only("hidden_dim embedding_dim dropout noise")
        settings["dtype"] = self.dtype or None
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
        """Returns the arguments of `tb_keras.losses.PairwiseLogistic`, but for `fusion`."""
        names = "negative_sampling negative_images negative_texts"
        return {"candidates": self.candidates or None, **self._only(names)}

    def region_settings(self) -> dict:
        """Returns the arguments of `tb_keras.batching.region_batches`."""
        names = "pictures_per_batch phrases_per_picture regions_per_picture regions_per_phrase"
        return self._only(f"{names} cross_image_negatives")

    def _only(self, names: str) -> dict:
        return {name: getattr(self, name) for name in names.split()}
