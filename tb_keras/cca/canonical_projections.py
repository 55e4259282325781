"""Maps of both views onto their canonical directions, linear or by a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.canonical_correlation import canonical_directions
from tb_keras.cca.covariances import PairCovariances, pair_covariances
from tb_keras.cca.landmark_kernel import LandmarkKernel
from tb_keras.cca.projection import Projection
from tb_keras.cca.unit_rows import unit_rows
from tb_keras.corpus.corpus import Corpus

_JITTER = 1e-6  # added to the diagonal of the kernel: two landmarks may be the same
Kernels = Sequence[LandmarkKernel | None]


class CanonicalProjections(NamedTuple):
    """The maps of images and of texts onto the directions along which they correlate.

    Attributes:
        images: map of image features.
        texts: map of text features.
        correlations: float64 `(dim,)`, those of the training pairs, in [0, 1] and falling.
    """

    images: Projection
    texts: Projection
    correlations: np.ndarray

    def weighted(self, power: float) -> CanonicalProjections:
        """Returns the projections with each direction scaled by a power of its correlation.

        Examples:
            >>> plain = Projection(np.zeros(2), np.ones(2), np.eye(2))
            >>> projections = CanonicalProjections(plain, plain, np.array([1.0, 0.5]))
            >>> projections.weighted(2).texts.directions[1]
            array([0.  , 0.25])
        """
        images, texts = (
            part._replace(directions=part.directions * self.correlations**power)
            for part in (self.images, self.texts)
        )
        return CanonicalProjections(images, texts, self.correlations)

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns embeddings of images, float32 `(n, dim)`, rows of unit length or zero."""
        return unit_rows(self.images(features))

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns embeddings of texts, float32 `(m, dim)`, rows of unit length or zero."""
        return unit_rows(self.texts(features))


class CanonicalProblem(NamedTuple):
    """The statistics of a corpus from which CCA is solved for any regularisation.

    Attributes:
        covariances: those of the matching pairs' features or kernels.
        kernels: the kernel of the images and that of the texts; None where a view's features are
            taken as they are.
        penalties: the penalty of each view's directions; see `canonical_directions`.
    """

    covariances: PairCovariances
    kernels: Kernels
    penalties: list[np.ndarray | None]

    @classmethod
    def of(
        cls, corpus: Corpus, kernels: Kernels = (None, None), verbose: bool = False
    ) -> CanonicalProblem:
        """Sums up the pairs of a corpus.

        With a kernel, a view's directions are penalised by their length in the kernel's space.

        Args:
            corpus: corpus with both features; memory maps are read block by block.
            kernels: the kernel of the images and that of the texts, or None for either.
            verbose: whether to show a bar of progress.

        Raises:
            ValueError: if the corpus lacks features or matches.
        """
        maps: list[Any] = [np.asarray if kernel is None else kernel for kernel in kernels]
        covariances = pair_covariances(corpus, verbose, maps)
        scales = covariances.image_deviation, covariances.text_deviation
        penalties = [kernel and _penalty(kernel, scale) for kernel, scale in zip(kernels, scales)]
        return cls(covariances, kernels, penalties)

    def solved(self, regularization: float, dim: int | None = None) -> CanonicalProjections:
        """Returns the projections onto the leading directions.

        Args:
            regularization: share of each view's mean variance to add to its covariance, at least 0.
            dim: number of directions, at most; all if None.

        Examples:
            >>> views = np.array([[1.0], [2.0], [4.0]])
            >>> CanonicalProblem.of(Corpus([0, 1, 2], views, -views)).solved(
            ...     0.0
            ... ).correlations.round(6)
            array([1.])
        """
        found = canonical_directions(self.covariances, regularization, dim, self.penalties)
        both = self.covariances
        return CanonicalProjections(
            Projection(both.image_mean, both.image_deviation, found.images, self.kernels[0]),
            Projection(both.text_mean, both.text_deviation, found.texts, self.kernels[1]),
            found.correlations,
        )


def _penalty(kernel: LandmarkKernel, deviation: np.ndarray) -> np.ndarray:
    """Returns squared lengths in the kernel's space, in units of a landmark's mean variance."""
    gram = kernel.gram()
    variance = (1 - gram.mean()) / len(gram)
    gram.flat[:: len(gram) + 1] += _JITTER
    return variance * gram / deviation / deviation[:, None]
