"""A baseline by normalised, regularised canonical correlation analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.canonical_projections import CanonicalProblem, Kernels
from tb_keras.cca.unit_rows import unit_rows
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.baselines.ridge_baseline import Embedder, retrieval_rsum


class _Weighted(NamedTuple):
    """Embeds projected features: scales each direction, then each row to unit length."""

    weights: np.ndarray

    def embed_images(self, projected: ArrayLike) -> np.ndarray:
        return unit_rows(projected * self.weights)

    def embed_texts(self, projected: ArrayLike) -> np.ndarray:
        return unit_rows(projected * self.weights)


class RegularizedCCABaseline:
    """Normalised, regularised CCA in closed form, compared by cosine.

    Both views are standardised, the texts by one deviation for all features, and mapped onto their
    canonical directions. Each direction is scaled by a power of its correlation: power 0 is plain
    CCA, 4 that of the reference. The validation corpus chooses regularisation and power. Without
    regularisation the correlations are those of scikit-learn's `CCA`.

    Args:
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features.
        regularizations: shares of the mean variance to add to each view's covariance.
        powers: exponents of the correlations.
        dim: number of canonical directions, at most; all if None.
        figure: function of an object that embeds and of the validation corpus; its value chooses
            the regularisation and the power, higher for better. It is given the corpus with
            projected features.
        verbose: whether to show bars of progress.
        kernels: the kernel of the images and that of the texts, which take the place of the
            features; see `KernelCCABaseline`. None to take a view's features as they are.

    Attributes:
        projections: `CanonicalProjections` of both views.
        regularization: the chosen one.
        power: the chosen one.
        figure: float, the value of `figure` for these.

    Raises:
        ValueError: if no setting has a figure, as with a validation corpus without matches.

    Reference:
        Gong, Ke, Isard and Lazebnik, *A Multi-View Embedding Space for Modeling Internet Images,
        Tags, and their Semantics*, IJCV 106, 2014.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> images = rng.standard_normal((50, 4))
        >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
        >>> RegularizedCCABaseline(corpus, corpus).embed_texts(images[:2, :3]).shape
        (2, 3)
    """

    def __init__(
        self,
        train: Corpus,
        validation: Corpus,
        regularizations: Sequence[float] = (0.1, 0.3, 1.0, 3.0, 10.0),
        powers: Sequence[float] = (0, 0.5, 1, 2, 4),
        dim: int | None = None,
        figure: Callable[[Embedder, Corpus], float] = retrieval_rsum,
        verbose: bool = False,
        kernels: Kernels = (None, None),
    ):
        import keras

        problem = CanonicalProblem.of(train, kernels, verbose)
        best = -np.inf
        steps = len(regularizations) * len(powers)
        bar = keras.utils.Progbar(
            steps, stateful_metrics=["best"], unit_name="setting", verbose=int(verbose)
        )
        for regularization in regularizations:
            plain = problem.solved(regularization, dim)
            # A power scales columns, so what takes time, the projection, serves all of them.
            projected = validation.replace(
                image_features=plain.images(validation.image_features),
                text_features=plain.texts(validation.text_features),
            )
            for power in powers:
                found = figure(_Weighted(plain.correlations**power), projected)
                if found > best:
                    best, self.projections = found, plain.weighted(power)
                    self.regularization, self.power = regularization, power
                bar.add(1, values=[("best", best)])
        if best == -np.inf:
            raise ValueError(
                "`validation` must have what `figure` measures, and `regularizations` and `powers` "
                f"a value. Received: validation={validation!r}, regularizations={regularizations}, "
                f"powers={powers}"
            )
        self.figure = best

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(n, dim)`, rows of unit length."""
        return self.projections.embed_images(features)

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(m, dim)`, rows of unit length."""
        return self.projections.embed_texts(features)
