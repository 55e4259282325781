"""Means, deviations and covariances of two views over their matching pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.feature_statistics import (
    BLOCK_VALUES,
    FeatureMap,
    mean_and_deviation,
    standardized,
)


class PairCovariances(NamedTuple):
    """Statistics over all matching pairs of an image and a text, all float64.

    Means and deviations are those of `view_scales`, covariances those of the features that are
    standardised by them.

    Attributes:
        image_mean: `(image_dim,)`.
        image_deviation: `(image_dim,)`, positive.
        text_mean: `(text_dim,)`.
        text_deviation: `(text_dim,)`, positive, all the same.
        images: `(image_dim, image_dim)`, the covariance of the images.
        cross: `(image_dim, text_dim)`, the covariance of images with texts.
        texts: `(text_dim, text_dim)`, the covariance of the texts.
    """

    image_mean: np.ndarray
    image_deviation: np.ndarray
    text_mean: np.ndarray
    text_deviation: np.ndarray
    images: np.ndarray
    cross: np.ndarray
    texts: np.ndarray


def pair_covariances(
    corpus: Corpus, verbose: bool = False, maps: Sequence[FeatureMap] = (np.asarray, np.asarray)
) -> PairCovariances:
    """Sums means, deviations and covariances over all matching pairs of a corpus.

    An image counts as often as it has texts, and a text as often as it has images. Products are
    taken in the features' own type, at least float32, and added up in float64. Features may be
    memory maps; they are read block by block, twice.

    Args:
        corpus: with both features and at least one match.
        verbose: whether to show a bar of progress.
        maps: called on the images' and on the texts' rows, block by block, such as a
            `LandmarkKernel`; the statistics are those of what they return.

    Raises:
        ValueError: if the corpus lacks features or matches.

    Examples:
        >>> views = np.array([[0.0], [2.0]])
        >>> found = pair_covariances(Corpus([0, 1], image_features=views, text_features=-views))
        >>> found.image_mean, found.images, found.cross
        (array([1.]), array([[1.]]), array([[-1.]]))
    """
    check_pairs(corpus)
    import keras
    from scipy import sparse

    matches = corpus.matches
    views = corpus.image_features, corpus.text_features
    scales = view_scales(corpus, maps)
    sizes = [len(mean) for mean, _ in scales]
    images, texts = np.zeros((sizes[0],) * 2), np.zeros((sizes[1],) * 2)
    cross = np.zeros(sizes)
    # The pairs are sorted by image: a block of them is of few images, and mostly of few texts.
    step = max(1, BLOCK_VALUES // max(*sizes, *(view.shape[1] for view in views)))
    bar = keras.utils.Progbar(len(matches.pairs), unit_name="pair", verbose=int(verbose))
    for start in range(0, len(matches.pairs), step):
        pairs = matches.pairs[start : start + step]
        blocks, places = [], []
        for rows, features, take, scale in zip(pairs.T, views, maps, scales):
            rows, place = np.unique(rows, return_inverse=True)
            blocks.append(standardized(take(features[rows]), *scale))
            places.append(place)
        x, y = blocks
        incidence = sparse.csr_array((np.ones(len(pairs), x.dtype), places), shape=(len(x), len(y)))
        cross += x.T @ (incidence @ y)
        for total, block, place in ((images, x, places[0]), (texts, y, places[1])):
            block *= np.sqrt(np.bincount(place))[:, None]
            total += block.T @ block
        bar.add(len(pairs))
    for total in (images, cross, texts):
        total /= len(matches.pairs)
    return PairCovariances(*scales[0], *scales[1], images, cross, texts)


def check_pairs(corpus: Corpus, argument: str = "corpus") -> None:
    """Raises a ValueError that names the argument if a corpus lacks features or matches."""
    complete = corpus.image_features is not None and corpus.text_features is not None
    if not complete or not len(corpus.matches.pairs):
        raise ValueError(f"`{argument}` must have both features and matches. Received: {corpus!r}")


def view_scales(
    corpus: Corpus, maps: Sequence[FeatureMap] = (np.asarray, np.asarray)
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Returns mean and deviation, float64 `(dim,)`, of the images and of the texts.

    Each row counts as often as it has matches. Image features have a deviation each, as the layers
    of a network differ in scale. Text features share the root of their mean variance: with its own
    deviation, the rarest of a bag of words would count as much as any other.

    Args:
        corpus: with both features and at least one match.
        maps: called on the images' and on the texts' rows, block by block; the statistics are those
            of what they return.

    Examples:
        >>> features = np.array([[0.0, 1.0], [6.0, 3.0]])
        >>> images, texts = view_scales(Corpus([0, 1], features, features))
        >>> images[1], texts[1] ** 2
        (array([3., 1.]), array([5., 5.]))
    """
    counts = corpus.matches.texts_per_image(), corpus.matches.images_per_text()
    images = mean_and_deviation(corpus.image_features, counts[0], maps[0])
    mean, deviation = mean_and_deviation(corpus.text_features, counts[1], maps[1])
    return images, (mean, np.full_like(deviation, np.sqrt(np.square(deviation).mean())))
