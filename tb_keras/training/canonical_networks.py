"""A network that starts from canonical correlation analysis of what it will be trained on."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from tb_keras.cca.canonical_projections import CanonicalProblem, CanonicalProjections
from tb_keras.cca.pair_covariances import check_pairs
from tb_keras.cca.projection import Projection
from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.baselines.kernel_cca_baseline import landmark_kernels
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training.metrics import baseline_figure

_Network = TypeVar("_Network", EmbeddingNetwork, SimilarityNetwork)

# On held-out pictures the kernel gave rsum 203 to 173 on OpenMoji (four ways), 318 to 279 on Fluent
# Emoji (three). With a quarter of the OpenMoji texts as landmarks it is hardly better than linear
# maps (182 to 177), with half of them 198; with a seventh, in all languages, far worse (70 to 98).
_MOST_ROWS = 4
# Regularisation and power of the correlations. With what a tenth of the pictures chose from nine,
# the held-out ones gave 204.2 on OpenMoji and 341.1 on Fluent Emoji, with these 210.7 and 340.3;
# with 1 and 1 209.4 and 341.9. On 1,500 scenes the latter gave 32, 3 and 0.5 gave 36.
_KERNEL = 1.7, 0.5
# In all languages 103.7 and 108.6, with what validation chose of eight 100.9 and 106.8; on
# OpenMoji, where the kernel is not used, 176.3 (three ways).
_LINEAR = 3.0, 0.5
# Training pictures tell less of others that show other things. On 1,200 scenes, by 150, whose
# things stand in none of the 500 training scenes, 1.7 and 0.5 by the kernel gave 51.5, these 61.0.
# On 300 of them the one that 80 others chose gave 34.3, the better one each time 35.8, the kernel
# 31.7. On OpenMoji and Fluent Emoji 150 pictures chose the kernel in each of 160 draws.
_BLUNT = 10.0, 1.0
# Where linear maps take the kernel's place: in all languages 384 directions gave 103.3, 128 100.5.
_LINEAR_DIM = 256


def canonical_start(
    train: Corpus,
    validation: Corpus | None = None,
    embedding_dim: int = 512,
    landmarks: int = 2000,
    kind: type[_Network] = EmbeddingNetwork,
    **settings,
) -> _Network:
    """Builds a network whose branches are, until it is trained, what regularised CCA makes of them.

    Its cosines are those of `KernelCCABaseline` or, where a view has more than four times as many
    rows as landmarks, of `RegularizedCCABaseline`, with fixed regularisation and power of the
    correlations: 1.7 and 0.5 by the kernel, 3 and 0.5 without. Where the linear ones with 10 and 1,
    which rely less on what single training pictures tell, have a better rsum on `validation` (with
    a grounding, recall@1), it is these. Each view is scaled as a whole so that the mean of the
    squares of its projected training features is 1, which is what `noise` is measured by. It takes
    the place of `network.standardize`.

    Args:
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features, to choose by.
        embedding_dim: size of the embeddings, at most: there are no more directions than the
            narrower view has features, or landmarks; and no more than 256 of linear maps where
            there are landmarks.
        landmarks: of each view, at most; 0 for linear maps in any case.
        kind: of network, `EmbeddingNetwork` or `SimilarityNetwork`; the scores of the latter rise
            with the cosines until it is trained.
        settings: other arguments of the network, such as `hidden_dim`.

    Raises:
        ValueError: if features or matches are missing, no direction correlates or a setting is out
            of range.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> images = rng.standard_normal((50, 4))
        >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
        >>> network = canonical_start(corpus, embedding_dim=3, hidden_dim=8)
        >>> bool(network.score(images, images[:, :3]).mean() > 0.8)
        True
    """
    check_int("embedding_dim", embedding_dim, least=1)
    check_int("landmarks", landmarks, least=0)
    check_pairs(train, "train")
    if validation is not None:
        check_pairs(validation, "validation")
    found = _projections(train, embedding_dim, landmarks, with_blunt=validation is not None)
    candidates = [projections for projections in found if projections.correlations.any()]
    if not candidates:
        raise ValueError(
            "`train` must have images and texts that correlate along some direction. "
            f"Received: {train}"
        )
    best = candidates[0]
    if len(candidates) > 1:
        best = max(candidates, key=lambda projections: baseline_figure(projections, validation))
    return _network(kind, train, best, settings)


def _network(
    kind: type[_Network], train: Corpus, projections: CanonicalProjections, settings: dict
) -> _Network:
    views = {"image": projections.images, "text": projections.texts}
    network = kind(
        train.image_features.shape[1],
        train.text_features.shape[1],
        embedding_dim=len(projections.correlations),
        projected=True,
        **{f"{view}_landmarks": _landmarks(part) for view, part in views.items()},
        **settings,
    )
    for view, projection in views.items():
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


def _projections(
    train: Corpus, dim: int, landmarks: int, with_blunt: bool
) -> list[CanonicalProjections]:
    found, linear = [], [_BLUNT] if with_blunt else []
    if max(train.num_images, train.num_texts) <= _MOST_ROWS * landmarks:
        regularization, power = _KERNEL
        problem = CanonicalProblem.of(train, landmark_kernels(train, landmarks))
        found.append(problem.solved(regularization, dim).weighted(power))
    else:
        linear.insert(0, _LINEAR)
    if linear:
        dim = min(dim, _LINEAR_DIM) if landmarks else dim
        problem = CanonicalProblem.of(train)  # reads all features, so once for both
        found += [
            problem.solved(regularization, dim).weighted(power) for regularization, power in linear
        ]
    return found
