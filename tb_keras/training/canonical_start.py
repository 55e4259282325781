"""A linear start for a network: regularised canonical correlation analysis of what it trains on."""

from __future__ import annotations

import numpy as np

from tb_keras.corpus import Corpus
from tb_keras.evaluation.canonical_correlation import canonical_directions, pair_covariances
from tb_keras.networks import EmbeddingNetwork


def canonical_start(
    network: EmbeddingNetwork, train: Corpus, regularization: float = 1.0, verbose: bool = False
) -> None:
    """Sets both branches to standardise and project their features as regularised CCA does.

    Each direction is scaled by its correlation, so that those count most along which the views
    agree; then a view is scaled as a whole, so that the mean of the squares of its projected
    training features is 1, which is what `noise` is measured by. Until it is trained the network
    gives the cosines of `RegularizedCCABaseline` with power 1; it takes the place of
    `network.standardize`.

    Args:
        network: with projected branches, and no more embedding dimensions than the narrower view
            has features; they hold the leading directions.
        train: corpus with both features; memory maps are read block by block.
        regularization: share of a view's mean variance to add to its covariance, at least 0. On
            one to two thousand pictures 1 was best.
        verbose: whether to show a bar of progress.

    Raises:
        ValueError: if features or matches are missing, no direction correlates, the embedding is
            too wide, the branches are not projected, or the regularisation is negative.

    Reference:
        Gong, Ke, Isard and Lazebnik, IJCV 106, 2014, for the scaling by (powers of) correlations.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> images = rng.standard_normal((50, 4))
    >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
    >>> network = EmbeddingNetwork(4, 3, hidden_dim=8, embedding_dim=3, projected=True)
    >>> canonical_start(network, corpus, regularization=0.1)
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
    covariances = pair_covariances(train, verbose)
    found = canonical_directions(covariances, regularization, dim)
    if not found.correlations.any():
        raise ValueError(
            "`train` must have images and texts that correlate along some direction. "
            f"Received: {train}"
        )
    for view, mean, deviation, covariance, directions in (
        (
            "image",
            covariances.image_mean,
            covariances.image_deviation,
            covariances.images,
            found.images,
        ),
        ("text", covariances.text_mean, covariances.text_deviation, covariances.texts, found.texts),
    ):
        scaled = directions * found.correlations
        network.set_projection(view, mean, deviation, _of_unit_mean_square(scaled, covariance))


def _of_unit_mean_square(directions: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return directions / np.sqrt(np.mean(np.sum(directions * (covariance @ directions), axis=0)))
