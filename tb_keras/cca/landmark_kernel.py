"""A kernel between features and landmarks, by which CCA finds functions that are not linear."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.covariances import check_pairs, view_scales
from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.feature_statistics import standardized

IMAGE_GAMMA, TEXT_GAMMA = 0.5, 1.5


class LandmarkKernel(NamedTuple):
    """The radial basis functions exp(-γ·‖x - l‖²) of standardised rows x of unit length.

    There is one function for each landmark l. Their sums approximate the functions of the whole
    kernel, and the number of landmarks sets memory and time (the Nyström method).

    Attributes:
        mean: float64 `(feature_dim,)`.
        deviation: float64 `(feature_dim,)`, positive.
        landmarks: float32 `(count, feature_dim)`, rows of unit length.
        gamma: positive float, how fast likeness falls with distance.

    Reference:
        Williams and Seeger, *Using the Nyström Method to Speed Up Kernel Machines*, NIPS 2000.
    """

    mean: np.ndarray
    deviation: np.ndarray
    landmarks: np.ndarray
    gamma: float

    @classmethod
    def of(
        cls, features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, gamma: float, count: int
    ) -> LandmarkKernel:
        """Returns a kernel whose landmarks are rows drawn at random, always the same ones.

        Args:
            features: float `(n, feature_dim)`; memory maps are read at the landmarks alone.
            mean: float64 `(feature_dim,)`.
            deviation: float64 `(feature_dim,)`, positive.
            gamma: positive float.
            count: number of landmarks; all rows if there are fewer.

        Examples:
            >>> kernel = LandmarkKernel.of(np.eye(3), np.zeros(3), np.ones(3), gamma=0.5, count=2)
            >>> kernel.landmarks.shape
            (2, 3)
        """
        rows = np.sort(np.random.default_rng(0).permutation(len(features))[:count])
        return cls(mean, deviation, _unit(mean, deviation, features[rows]), float(gamma))

    def __call__(self, features: ArrayLike) -> np.ndarray:
        """Returns the likeness to each landmark, float64 `(n, count)` in (0, 1].

        Args:
            features: float `(n, feature_dim)`, raw.

        Examples:
            >>> kernel = LandmarkKernel.of(np.eye(2), np.zeros(2), np.ones(2), gamma=0.5, count=2)
            >>> kernel(np.array([[2.0, 0.0]])).round(4)
            array([[1.    , 0.3679]])
        """
        return self._of_units(_unit(self.mean, self.deviation, features))

    def gram(self) -> np.ndarray:
        """Returns the kernel between the landmarks, float64 `(count, count)`."""
        return self._of_units(self.landmarks.astype(np.float64))

    def _of_units(self, rows: np.ndarray) -> np.ndarray:
        # Sums of thousands of these values would lose digits in float32.
        values = (rows @ self.landmarks.T).astype(np.float64, copy=False)
        values -= 1
        values *= 2 * self.gamma
        return np.exp(values, out=values)


def landmark_kernels(
    corpus: Corpus,
    landmarks: int,
    image_gamma: float = IMAGE_GAMMA,
    text_gamma: float = TEXT_GAMMA,
) -> tuple[LandmarkKernel, LandmarkKernel]:
    """Returns the kernel of the images and that of the texts.

    Args:
        corpus: corpus with both features; its rows are the landmarks.
        landmarks: positive int, landmarks of each view, at most.
        image_gamma: positive float.
        text_gamma: positive float.

    Raises:
        ValueError: if the corpus lacks features or matches, or `landmarks` is out of range.

    Examples:
        >>> images, texts = landmark_kernels(Corpus([0, 1], np.eye(2), np.eye(2)), landmarks=1)
        >>> len(images.landmarks), texts.gamma
        (1, 1.5)
    """
    check_pairs(corpus)
    check_int("landmarks", landmarks, least=1)
    images, texts = view_scales(corpus)
    return (
        LandmarkKernel.of(corpus.image_features, *images, image_gamma, landmarks),
        LandmarkKernel.of(corpus.text_features, *texts, text_gamma, landmarks),
    )


def _unit(mean: np.ndarray, deviation: np.ndarray, features: ArrayLike) -> np.ndarray:
    rows = standardized(np.asarray(features), mean, deviation)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return rows.astype(np.float32, copy=False)
