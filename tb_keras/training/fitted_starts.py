"""Starts of both branches by canonical correlation analysis of what they will be trained on."""

from __future__ import annotations

import numpy as np

from tb_keras.cca.canonical_projections import CanonicalProblem, CanonicalProjections
from tb_keras.cca.covariances import check_pairs
from tb_keras.cca.landmark_kernel import landmark_kernels
from tb_keras.cca.projection import Projection
from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import BranchStart, KernelStart, LinearStart
from tb_keras.training.metrics import baseline_figure

# Measured by `python -m benchmarks.choices.recipe`, and on photographs by
# `python -m benchmarks.photographs.sizes`. A pair is a regularisation and a power of the
# correlations.
_MOST_ROWS = 4  # of a view, for each landmark: with more, linear maps take the kernel's place
_KERNEL = 1.7, 0.5
_LINEAR = 5.0, 0.5
_BLUNT = 10.0, 1.0  # relies less on single training pictures, for data that shows other things
_LINEAR_DIM = 512  # where linear maps take the kernel's place


def canonical_starts(
    train: Corpus,
    validation: Corpus | None = None,
    embedding_dim: int = 512,
    landmarks: int = 2000,
) -> tuple[BranchStart, BranchStart]:
    """Fits a start of each branch by regularised canonical correlation analysis.

    The cosines of an untrained network with these starts are those of `KernelCCABaseline` with
    regularisation 1.7 and power 0.5. If a view has more than four rows for each landmark, they are
    those of `RegularizedCCABaseline` with 5 and 0.5 instead.

    With a validation corpus, `RegularizedCCABaseline` with 5 and 0.5 and with 10 and 1 are fitted
    too. They rely less on single training pictures, and one of them is taken if it has the best
    rsum there, or recall@1 to localize.

    Each map is scaled so that the mean square of its output over the training features is 1. The
    starts standardise the features themselves, so `network.standardize` need not be called.

    Args:
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features, to choose by.
        embedding_dim: size of the starts, at most. There are no more directions than the narrower
            view has features or landmarks, and no more than 512 where linear maps take the place of
            the kernel.
        landmarks: radial basis functions of each view, at most; 0 for linear maps.

    Returns:
        The starts of the image branch and of the text branch, two `KernelStart` or `LinearStart`.

    Raises:
        ValueError: if features or matches are missing, no direction correlates, or an argument is
            out of range.

    Examples:
        >>> from tb_keras.networks import EmbeddingNetwork
        >>> rng = np.random.default_rng(0)
        >>> images = rng.standard_normal((50, 4))
        >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
        >>> image_start, text_start = canonical_starts(corpus, embedding_dim=3)
        >>> network = EmbeddingNetwork(
        ...     4, 3, hidden_dim=8, image_start=image_start, text_start=text_start
        ... )
        >>> bool(network.score(images, images[:, :3]).mean() > 0.8)
        True
    """
    check_int("embedding_dim", embedding_dim, least=1)
    check_int("landmarks", landmarks, least=0)
    check_pairs(train, "train")
    if validation is not None:
        check_pairs(validation, "validation")
    found = _projections(train, embedding_dim, landmarks, to_choose=validation is not None)
    candidates = [projections for projections in found if projections.correlations.any()]
    if not candidates:
        raise ValueError(
            "`train` must have images and texts that correlate along some direction. "
            f"Received: {train}"
        )
    best = candidates[0]
    if len(candidates) > 1:
        best = max(candidates, key=lambda projections: baseline_figure(projections, validation))
    return starts_of(best, train)


def starts_of(projections: CanonicalProjections, train: Corpus) -> tuple[BranchStart, BranchStart]:
    """Returns the projections as starts whose output has mean square 1 over a corpus's features."""
    return (
        _start(projections.images, train.image_features),
        _start(projections.texts, train.text_features),
    )


def _start(projection: Projection, features: np.ndarray) -> BranchStart:
    directions = projection.directions / np.sqrt(projection.mean_square(features))
    kernel = projection.kernel
    if kernel is None:
        return LinearStart(projection.mean, projection.deviation, directions)
    return KernelStart(
        mean=kernel.mean,
        deviation=kernel.deviation,
        landmarks=kernel.landmarks,
        gamma=kernel.gamma,
        centre=projection.mean,
        directions=directions / projection.deviation[:, None],
    )


def _projections(
    train: Corpus, dim: int, landmarks: int, to_choose: bool
) -> list[CanonicalProjections]:
    """Returns the projections without a validation corpus first, then others to choose from."""
    found, linear = [], [_LINEAR, _BLUNT] if to_choose else []
    if max(train.num_images, train.num_texts) <= _MOST_ROWS * landmarks:
        regularization, power = _KERNEL
        problem = CanonicalProblem.of(train, landmark_kernels(train, landmarks))
        found.append(problem.solved(regularization, dim).weighted(power))
    elif not to_choose:
        linear = [_LINEAR]
    if linear:
        dim = min(dim, _LINEAR_DIM) if landmarks else dim
        problem = CanonicalProblem.of(train)  # reads all features, so once for all
        found += [
            problem.solved(regularization, dim).weighted(power) for regularization, power in linear
        ]
    return found
