"""A linear start for a network: regularised canonical correlation analysis of what it trains on."""

from __future__ import annotations

import numpy as np

from tb_keras.corpus import Corpus
from tb_keras.evaluation.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.networks import EmbeddingNetwork

_BLOCK = 4096  # rows projected at a time
# The first of equally good ones is taken: where a few validation pictures tell nothing apart, that
# is what was best on one to two thousand training pictures.
_REGULARIZATIONS = (1.0, 3.0, 0.3, 10.0, 0.1)
_POWERS = (1, 2, 0, 4)


def canonical_start(
    network: EmbeddingNetwork, train: Corpus, validation: Corpus | None = None
) -> None:
    """Sets both branches to standardise and project their features as regularised CCA does.

    Until it is trained, the network gives the cosines of `RegularizedCCABaseline`: with the
    regularisation and the power of the correlations that have the best rsum on `validation`, or
    with 1 and 1 where there is none. Each view is scaled as a whole so that the mean of the squares
    of its projected training features is 1, which is what `noise` is measured by. It takes the
    place of `network.standardize`.

    Args:
        network: with projected branches, and no more embedding dimensions than the narrower view
            has features; they hold the leading directions.
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features.

    Raises:
        ValueError: if features or matches are missing, no direction correlates, the embedding is
            too wide or the branches are not projected.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> images = rng.standard_normal((50, 4))
    >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
    >>> network = EmbeddingNetwork(4, 3, hidden_dim=8, embedding_dim=3, projected=True)
    >>> canonical_start(network, corpus)
    >>> bool(network.score(images, images[:, :3]).mean() > 0.8)
    True
    """
    dims = {view: network.settings[f"{view}_dim"] for view in ("image", "text")}
    dim = network.settings["embedding_dim"]
    if dim > min(dims.values()):
        raise ValueError(
            "`network` must have no more embedding dimensions than the narrower view has features. "
            f"Received: embedding_dim={dim}, image_dim={dims['image']}, text_dim={dims['text']}"
        )
    if validation is None:
        fitted = RegularizedCCABaseline(train, train, _REGULARIZATIONS[:1], _POWERS[:1], dim)
    else:
        fitted = RegularizedCCABaseline(train, validation, _REGULARIZATIONS, _POWERS, dim)
    if not fitted.correlations.any():
        raise ValueError(
            "`train` must have images and texts that correlate along some direction. "
            f"Received: {train}"
        )
    for view, features, projection in (
        ("image", train.image_features, fitted.image_projection),
        ("text", train.text_features, fitted.text_projection),
    ):
        squares = sum(
            np.square(projection(features[start : start + _BLOCK]), dtype=np.float64).sum()
            for start in range(0, len(features), _BLOCK)
        )
        scale = np.sqrt(squares / (len(features) * dim))
        network.set_projection(
            view, projection.mean, projection.deviation, projection.directions / scale
        )
