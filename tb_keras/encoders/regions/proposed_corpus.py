"""Localization corpora whose regions are proposals, and what the proposals miss."""

from __future__ import annotations

import os

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.encoders.regions.region_proposals import propose_regions


def proposed_corpus(
    corpus: Corpus,
    method: str = "selective_search",
    limit: int = 200,
    edge_model: str | os.PathLike | None = None,
    true_boxes: bool = False,
    positive_iou: float = 0.6,
    negative_iou: float = 0.3,
    verbose: bool = True,
) -> Corpus:
    """Returns the phrases of a corpus with proposed regions, matched by their overlap.

    Args:
        corpus: a corpus with `grounding`, as the readers of localization data sets return it.
        method: as in `propose_regions`.
        limit: as in `propose_regions`.
        edge_model: as in `propose_regions`.
        true_boxes: whether to add the phrases' true boxes to the proposals; for training only.
        positive_iou: least IoU of a match, as in `Grounding.matches_by_iou`.
        negative_iou: least IoU of an ignored region, as in `Grounding.matches_by_iou`.
        verbose: whether to show progress.

    Returns:
        A `Corpus` without image features, with the regions in the order of their pictures.

    Raises:
        ValueError: there is no grounding, or an argument is out of range.
    """
    grounding = _grounding(corpus)
    proposals = propose_regions(grounding.picture_paths, method, limit, edge_model, verbose)
    grounding = grounding.with_regions(*proposals)
    if true_boxes:
        grounding = _with_true_boxes(grounding)
    return _matched(corpus, grounding, positive_iou, negative_iou)


def with_true_boxes(corpus: Corpus, positive_iou: float = 0.6, negative_iou: float = 0.3) -> Corpus:
    """Adds the phrases' true boxes to the regions of a corpus, for training.

    Args:
        corpus: a corpus with `grounding`, as `proposed_corpus` returns it without `true_boxes`.
        positive_iou: as in `proposed_corpus`.
        negative_iou: as in `proposed_corpus`.

    Returns:
        The `Corpus` that `proposed_corpus` would have returned with `true_boxes=True`.

    Raises:
        ValueError: there is no grounding, or an argument is out of range.
    """
    return _matched(corpus, _with_true_boxes(_grounding(corpus)), positive_iou, negative_iou)


def _with_true_boxes(grounding: Grounding) -> Grounding:
    known = grounding.has_box
    boxes = np.concatenate([grounding.region_boxes, grounding.phrase_boxes[known]])
    pictures = np.concatenate([grounding.region_pictures, grounding.phrase_pictures[known]])
    # Phrases about one object share its box.
    _, first = np.unique(np.column_stack([pictures, boxes]), axis=0, return_index=True)
    first = np.sort(first)
    order = first[np.argsort(pictures[first], kind="stable")]
    return grounding.with_regions(pictures[order], boxes[order])


def _matched(
    corpus: Corpus, grounding: Grounding, positive_iou: float, negative_iou: float
) -> Corpus:
    """Returns the phrases of a corpus with the regions of a grounding."""
    return Corpus(
        grounding.matches_by_iou(positive_iou, negative_iou),
        texts=corpus.texts,
        text_features=corpus.text_features,
        text_attributes=corpus.text_attributes,
        grounding=grounding,
    )


def proposal_report(corpus: Corpus) -> dict[str, int]:
    """Counts the pictures and phrases for which the proposals of a corpus are of no use.

    Args:
        corpus: a corpus with `grounding`, as `proposed_corpus` returns it.

    Returns:
        A dict of counts: `pictures`; `pictures_without_region`, where nothing was proposed;
        `pictures_without_match`, where no proposal matches any phrase; `phrases`;
        `phrases_without_box`, whose true box is not known; and `phrases_without_match`, the others
        that no proposal matches.

    Raises:
        ValueError: there is no grounding.
    """
    grounding = _grounding(corpus)
    matched = corpus.matches.images_per_text() > 0
    with_region = np.unique(grounding.region_pictures)
    with_match = np.unique(grounding.phrase_pictures[matched])
    return {
        "pictures": grounding.num_pictures,
        "pictures_without_region": grounding.num_pictures - len(with_region),
        "pictures_without_match": grounding.num_pictures - len(with_match),
        "phrases": corpus.num_texts,
        "phrases_without_box": int(np.count_nonzero(~grounding.has_box)),
        "phrases_without_match": int(np.count_nonzero(grounding.has_box & ~matched)),
    }


def _grounding(corpus: Corpus) -> Grounding:
    if corpus.grounding is None:
        raise ValueError(f"`corpus` must have a grounding. Received: {corpus}")
    return corpus.grounding
