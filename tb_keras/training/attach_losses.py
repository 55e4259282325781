"""A network and a loss layer make the model that `fit` sees."""

from __future__ import annotations

import keras

from tb_keras.losses import BidirectionalRanking


def attach_losses(
    network: keras.Model, loss: keras.layers.Layer | None = None, name: str = "training"
) -> keras.Model:
    """Returns a model over the same layers and weights as `network` that carries the loss.

    Train it with `model.compile(optimizer)` and `model.fit(batches)` on batches from
    `tb_keras.batching.neighborhood_batches`; no `y` is needed. Then save, index and serve
    `network`, which knows nothing of the loss.

    Args:
        network: a `tb_keras.networks.EmbeddingNetwork`, or any model from `{"image", "text"}` to
            `{"image", "text"}`.
        loss: a layer called on `[image_embeddings, text_embeddings, matches, negatives,
            text_negatives, image_negatives]`; `BidirectionalRanking()` if left out.
        name: the model's name.

    Returns:
        A `keras.Model` that takes `image`, `text` and the four bool masks of a batch and returns
        the loss.

    Example:

    >>> from tb_keras.networks import EmbeddingNetwork
    >>> network = EmbeddingNetwork(image_dim=6, text_dim=4, hidden_dim=8, embedding_dim=5)
    >>> model = attach_losses(network, BidirectionalRanking(margin=0.1))
    >>> model.compile("adam")
    >>> sorted(model.input)
    ['image', 'image_negatives', 'matches', 'negatives', 'text', 'text_negatives']
    """
    features = {
        name: keras.Input(tensor.shape[1:], name=name, dtype=tensor.dtype)
        for name, tensor in network.input.items()
    }
    masks = {
        name: keras.Input((None,), name=name, dtype="bool")
        for name in ("matches", "negatives", "text_negatives", "image_negatives")
    }
    embeddings = network(features)
    layer = BidirectionalRanking() if loss is None else loss
    output = layer([embeddings["image"], embeddings["text"], *masks.values()])
    return keras.Model({**features, **masks}, output, name=name)
