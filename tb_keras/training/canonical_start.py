"""A network that starts from canonical correlation analysis of what it will be trained on."""

from __future__ import annotations

import numpy as np

from tb_keras.argument_checks import check_int
from tb_keras.corpus import Corpus
from tb_keras.evaluation.kernel_cca_baseline import KernelCCABaseline
from tb_keras.evaluation.projection import Projection
from tb_keras.evaluation.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.networks import EmbeddingNetwork

# The first of equally good ones is taken: where a few validation pictures tell nothing apart, that
# is what was best on one to two thousand training pictures.
_REGULARIZATIONS = (1.0, 3.0, 10.0, 0.1)
_POWERS = (1, 2, 0, 4)
# On held-out pictures the kernel gave rsum 203 to 173 on OpenMoji (four ways), 318 to 279 on Fluent
# Emoji (three); once it was no better on the 150 validation pictures, by chance.
_CLEARLY = 1.05
# With a quarter of the OpenMoji texts as landmarks the kernel is hardly better than linear maps
# (182 to 177), with half of them 198; with a seventh, in all languages, far worse (70 to 98).
_MOST_ROWS = 4
# Where linear maps take the kernel's place: in all languages 256 directions gave rsum 93.3 and
# 103.4 on held-out pictures, 512 of them 91.9 and 106.0, and a training took a third longer.
_LINEAR_DIM = 256


def canonical_start(
    train: Corpus,
    validation: Corpus | None = None,
    embedding_dim: int = 512,
    landmarks: int = 2000,
    **settings,
) -> EmbeddingNetwork:
    """Builds a network whose branches are, until it is trained, what regularised CCA makes of them.

    Its cosines are those of `KernelCCABaseline` or, where that has a clearly better rsum on
    `validation` or a view has more than four times as many rows as landmarks, of
    `RegularizedCCABaseline`, with the regularisation and the power of the correlations that are
    best on `validation`. Without a validation corpus it is the linear one, with 1 and 1. Each view
    is scaled as a whole so that the mean of the squares of its projected training features is 1,
    which is what `noise` is measured by. It takes the place of `network.standardize`.

    Args:
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features.
        embedding_dim: size of the embeddings, at most: there are no more directions than the
            narrower view has features, or landmarks; and where linear maps take the kernel's place,
            no more than 256.
        landmarks: of each view, at most; 0 for linear maps in any case.
        settings: other arguments of `EmbeddingNetwork`, such as `hidden_dim`.

    Raises:
        ValueError: if features or matches are missing, no direction correlates or a setting is out
            of range.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> images = rng.standard_normal((50, 4))
    >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
    >>> network = canonical_start(corpus, embedding_dim=3, hidden_dim=8)
    >>> bool(network.score(images, images[:, :3]).mean() > 0.8)
    True
    """
    check_int("embedding_dim", embedding_dim, least=1)
    check_int("landmarks", landmarks, least=0)
    fitted = _fitted(train, validation, embedding_dim, landmarks)
    if not fitted.correlations.any():
        raise ValueError(
            "`train` must have images and texts that correlate along some direction. "
            f"Received: {train}"
        )
    projections = {"image": fitted.image_projection, "text": fitted.text_projection}
    network = EmbeddingNetwork(
        train.image_features.shape[1],
        train.text_features.shape[1],
        embedding_dim=len(fitted.correlations),
        projected=True,
        **{f"{view}_landmarks": _landmarks(part) for view, part in projections.items()},
        **settings,
    )
    for view, projection in projections.items():
        scale = np.sqrt(projection.mean_square(getattr(train, f"{view}_features")))
        directions, kernel = projection.directions / scale, projection.kernel
        if kernel is None:
            network.set_projection(view, projection.mean, projection.deviation, directions)
        else:
            network.set_projection(
                view,
                kernel.mean,
                kernel.deviation,
                directions / projection.deviation[:, None],
                (kernel.landmarks, kernel.gamma, projection.mean),
            )
    return network


def _landmarks(projection: Projection) -> int:
    return 0 if projection.kernel is None else len(projection.kernel.landmarks)


def _fitted(
    train: Corpus, validation: Corpus | None, dim: int, landmarks: int
) -> RegularizedCCABaseline:
    if validation is None:
        return RegularizedCCABaseline(train, train, _REGULARIZATIONS[:1], _POWERS[:1], dim)
    linear_dim = min(dim, _LINEAR_DIM) if landmarks else dim
    linear = RegularizedCCABaseline(train, validation, _REGULARIZATIONS, _POWERS, linear_dim)
    if max(train.num_images, train.num_texts) > _MOST_ROWS * landmarks:
        return linear
    curved = KernelCCABaseline(train, validation, dim=dim, landmarks=landmarks)
    return linear if linear.figure > _CLEARLY * curved.figure else curved
