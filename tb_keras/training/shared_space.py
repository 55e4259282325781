"""Starts of both branches for encoders that share a space."""

from __future__ import annotations

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import BranchStart, EmbeddingNetwork, IdentityStart, JoinedStart
from tb_keras.training.fitted_starts import canonical_starts
from tb_keras.training.metrics import headline_metric, network_metrics

_WEIGHTS = (0.25, 0.5, 0.75)
_BLOCK_ROWS = 4096

Starts = tuple[BranchStart, BranchStart]


def identity_starts(train: Corpus) -> tuple[IdentityStart, IdentityStart]:
    """Returns starts that leave the features of both views as they are.

    Args:
        train: corpus with both features, of one size.

    Raises:
        ValueError: if images and texts have features of different sizes.

    Examples:
        >>> corpus = Corpus(np.arange(3), image_features=np.eye(3), text_features=2 * np.eye(3))
        >>> image_start, text_start = identity_starts(corpus)
        >>> round(image_start.scale, 4), round(text_start.scale, 4)
        (0.5774, 1.1547)
    """
    dims = train.image_features.shape[1], train.text_features.shape[1]
    if dims[0] != dims[1]:
        raise ValueError(
            "`train` must have image and text features of one space for the identity start. "
            f"Received: {dims[0]} and {dims[1]} dimensions"
        )
    views = train.image_features, train.text_features
    image_start, text_start = (IdentityStart(dims[0], _root_mean_square(view)) for view in views)
    return image_start, text_start


def shared_space_starts(
    train: Corpus,
    validation: Corpus | None = None,
    embedding_dim: int = 512,
    landmarks: int = 2000,
) -> Starts:
    """Chooses where to start from if both encoders share a space.

    There are three kinds of start: the identity, which gives the encoders' own cosines;
    `canonical_starts`; and both of them joined, whose cosines are averaged with a weight of 0.25,
    0.5 or 0.75. The best rsum on the validation corpus decides or, to localize, recall@1.

    Args:
        train: corpus with both features, of one size.
        validation: corpus with both features, to choose by. Without one the identity is taken.
        embedding_dim: of `canonical_starts`; the identity has the features' size.
        landmarks: of `canonical_starts`.

    Returns:
        The starts of the image branch and of the text branch.

    Raises:
        ValueError: if the features have different sizes, features or matches are missing, no
            direction correlates, or an argument is out of range.

    Examples:
        >>> corpus = Corpus(np.arange(9), image_features=np.eye(9), text_features=np.eye(9))
        >>> [type(start).__name__ for start in shared_space_starts(corpus, corpus)]
        ['IdentityStart', 'IdentityStart']
    """
    check_int("embedding_dim", embedding_dim, least=1)
    same = identity_starts(train)
    if validation is None:
        return same
    fitted = canonical_starts(train, validation, embedding_dim, landmarks)
    candidates: list[Starts] = [same, fitted]
    for weight in _WEIGHTS:
        image_start, text_start = (JoinedStart(*both, weight) for both in zip(same, fitted))
        candidates.append((image_start, text_start))
    return max(candidates, key=lambda starts: _figure(starts, validation))


def _figure(starts: Starts, validation: Corpus) -> float:
    """Returns the figure of a network of starts alone."""
    image_start, text_start = starts
    dims = image_start.feature_dim, text_start.feature_dim
    network = EmbeddingNetwork(*dims, hidden_dim=0, image_start=image_start, text_start=text_start)
    return network_metrics(network, validation)[headline_metric(validation)]


def _root_mean_square(features: np.ndarray) -> float:
    squares = sum(
        np.square(features[start : start + _BLOCK_ROWS], dtype=np.float64).sum()
        for start in range(0, len(features), _BLOCK_ROWS)
    )
    return float(np.sqrt(squares / features.size)) or 1.0
