"""All settings of a training of the embedding network, in one place."""

from __future__ import annotations

import dataclasses


def _setting(default, description: str):
    return dataclasses.field(default=default, metadata={"help": description})


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of the network, the loss, the batches and the optimizer.

    The defaults are those of the authors' released code where it has them (sizes, loss weights,
    margin, batch of 500 images with 2 texts each, 20 epochs); they suit tens of thousands of
    images. Each field's metadata says what it is.

    Raises:
        ValueError: if `epochs` or `learning_rate` is not positive. The other settings are checked
            by the network, the loss and the batches that take them.

    Example:

    >>> Recipe(margin=0.2, top_k=0).loss_settings()["top_k"] is None
    True
    """

    hidden_dim: int = _setting(2048, "Units of each branch's hidden layer.")
    embedding_dim: int = _setting(512, "Size of the embeddings.")
    dropout: float = _setting(0.5, "Dropout rate after each hidden layer.")
    noise: float = _setting(0.0, "Noise on standardised features, in standard deviations.")
    margin: float = _setting(0.05, "Margin of the ranking loss between unit vectors.")
    top_k: int = _setting(10, "Nearest negatives an anchor is held against; 0 for all.")
    image_anchor_weight: float = _setting(1.0, "Weight of the term with images as anchors.")
    text_anchor_weight: float = _setting(1.5, "Weight of the term with texts as anchors.")
    image_neighborhood_weight: float = _setting(0.0, "Weight of the image neighbourhoods.")
    text_neighborhood_weight: float = _setting(0.05, "Weight of the text neighbourhoods.")
    positive: str = _setting("hardest", "Neighbour that counts: hardest or all.")
    images_per_batch: int = _setting(500, "Distinct images in a batch.")
    texts_per_image: int = _setting(2, "Texts of each image in a batch.")
    epochs: int = _setting(20, "Passes over the texts.")
    learning_rate: float = _setting(1e-4, "Adam's first learning rate; it falls along a cosine.")

    def __post_init__(self):
        if self.epochs < 1:
            raise ValueError(f"`epochs` must be a positive int. Received: epochs={self.epochs}")
        if not self.learning_rate > 0:
            raise ValueError(
                f"`learning_rate` must be positive. Received: learning_rate={self.learning_rate}"
            )

    def loss_settings(self) -> dict:
        """Returns the arguments of `tb_keras.losses.BidirectionalRanking`."""
        names = "margin image_anchor_weight text_anchor_weight image_neighborhood_weight"
        names = [*names.split(), "text_neighborhood_weight", "positive"]
        return {"top_k": self.top_k or None, **{name: getattr(self, name) for name in names}}


# "small" was chosen on groups of the OpenMoji training and validation pictures held out in turn:
# with a thousand images, noise on the features is what keeps the loss from learning them by heart.
RECIPES = {
    "paper": Recipe(),
    "small": Recipe(
        hidden_dim=1024,
        dropout=0.3,
        noise=1.0,
        margin=0.1,
        images_per_batch=200,
        epochs=30,
        learning_rate=1e-3,
    ),
}
