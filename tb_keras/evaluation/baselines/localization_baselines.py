"""Baselines that a localizer must beat: chance, the largest region, cosines.

Each function scores every pair of a region and a phrase of one picture, in the order of
`Grounding.same_picture_pairs`, for `tb_keras.evaluation.corpus_localization_metrics`.
"""

from __future__ import annotations

import numpy as np

from tb_keras.corpus import boxes
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.evaluation.baselines.ridge_baseline import Embedder
from tb_keras.evaluation.localization.corpus_figures import corpus_localization_metrics

_BLOCK_VALUES = 2**24  # features and embeddings in a block: 64 MiB


def random_region_scores(grounding: Grounding, seed: int = 0) -> np.ndarray:
    """Returns random scores in [0, 1), float64 `(q,)`, one for each pair.

    Args:
        grounding: the regions and phrases of each picture.
        seed: int, for the draws.

    Examples:
        >>> grounding = Grounding(
        ...     ["a.jpg"], [[9, 9]], [0, 0], [[0, 0, 5, 5], [0, 0, 9, 9]], [0], [[0, 0, 8, 8]]
        ... )
        >>> random_region_scores(grounding).shape
        (2,)
    """
    size = int(grounding.regions_per_phrase().sum())
    return np.random.default_rng(seed).random(size)


def largest_region_scores(grounding: Grounding) -> np.ndarray:
    """Returns scores by area, float64 `(q,)`, higher for a larger region.

    The score is a region's place in the order of all areas. Among regions of equal area the one of
    the lower index is higher, so no two regions tie.

    Args:
        grounding: the regions and phrases of each picture.

    Examples:
        >>> grounding = Grounding(
        ...     ["a.jpg"], [[9, 9]], [0, 0], [[0, 0, 5, 5], [0, 0, 9, 9]], [0], [[0, 0, 8, 8]]
        ... )
        >>> largest_region_scores(grounding)
        array([0., 1.])
    """
    area = boxes.area(grounding.region_boxes.astype(np.float64))
    places = np.empty(len(area))
    places[np.argsort(-area, kind="stable")] = np.arange(len(area))[::-1]
    regions, _ = grounding.same_picture_pairs()
    return places[regions]


def cosine_region_scores(baseline: Embedder, corpus: Corpus) -> np.ndarray:
    """Returns the cosines of region and phrase by a baseline, float32 `(q,)`.

    Args:
        baseline: a `RidgeBaseline`, a `ZeroShotBaseline` or another object with `embed_images` and
            `embed_texts` that return rows of unit length.
        corpus: corpus of regions and phrases, with both features and a grounding.

    Raises:
        ValueError: if the corpus lacks features or a grounding.

    Examples:
        >>> from tb_keras.evaluation import RidgeBaseline
        >>> grounding = Grounding(
        ...     ["a.jpg"], [[9, 9]], [0, 0], [[0, 0, 5, 5], [0, 0, 9, 9]], [0], [[0, 0, 8, 8]]
        ... )
        >>> corpus = Corpus(
        ...     grounding.matches_by_iou(),
        ...     image_features=np.eye(2),
        ...     text_features=np.array([[1.0, 2.0]]),
        ...     grounding=grounding,
        ... )
        >>> baseline = RidgeBaseline(corpus, corpus, alphas=[1], figure=localization_recall_at_1)
        >>> cosine_region_scores(baseline, corpus).shape
        (2,)
    """
    for name in ("grounding", "image_features", "text_features"):
        if getattr(corpus, name) is None:
            raise ValueError(f"`corpus` must have {name}. Received: {corpus!r}")
    images = _in_blocks(baseline.embed_images, corpus.image_features)
    texts = _in_blocks(baseline.embed_texts, corpus.text_features)
    regions, phrases = corpus.grounding.same_picture_pairs()
    scores = np.empty(len(regions), np.float32)
    step = max(1, _BLOCK_VALUES // max(1, texts.shape[1]))
    for first in range(0, len(regions), step):
        some = slice(first, first + step)
        scores[some] = np.einsum("qd,qd->q", images[regions[some]], texts[phrases[some]])
    return scores


def localization_recall_at_1(baseline: Embedder, corpus: Corpus) -> float:
    """Returns a baseline's recall@1 of the localization in percent.

    To localize, use it as the `figure` of a baseline. By `retrieval_rsum` the regions of all
    pictures would compete, and a region that overlaps with a match would be a false negative.

    Args:
        baseline: an object with `embed_images` and `embed_texts` that return rows of unit length.
        corpus: corpus of regions and phrases, with both features and a grounding.
    """
    return corpus_localization_metrics(cosine_region_scores(baseline, corpus), corpus)["recall@1"]


def _in_blocks(embed, features: np.ndarray) -> np.ndarray:
    step = max(1, _BLOCK_VALUES // max(1, features.shape[1]))
    starts = range(0, max(1, len(features)), step)
    return np.concatenate([embed(features[first : first + step]) for first in starts])
