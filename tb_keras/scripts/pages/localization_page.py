"""A page, in one file, of pictures with the predicted and the true boxes of phrases."""

from __future__ import annotations

import io
import os

import numpy as np

from tb_keras.corpus import boxes
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import draw_boxes
from tb_keras.scripts.pages.rendering import data_uri, write_page
from tb_keras.scripts.runs.run import Run

_PICTURES, _PHRASES = 16, 4  # shown, and of each picture
_COLORS = {"true": "#118833", "embedding": "#1144dd", "similarity": "#dd5500", "cca": "#9933aa"}
_WIDTHS = {"true": 9, "embedding": 6, "similarity": 3, "cca": 1}  # to tell equal boxes apart
_SIZE = 400  # pixels


def write_localization_page(path: str | os.PathLike, run: Run, corpus: Corpus) -> None:
    """Writes the page, with the first pictures of a split and the best seeds' predictions.

    Args:
        path: file of the page.
        run: with at least one network trained.
        corpus: of proposals and phrases, with features.
    """
    found = {
        network: best_regions(run.network(network, run.best_seed(network)), corpus)
        for network in run.networks()
    }
    grounding = corpus.grounding
    shown = [
        np.flatnonzero(grounding.phrase_pictures == picture)[:_PHRASES]
        for picture in np.unique(grounding.phrase_pictures)[:_PICTURES]
    ]
    names = {"true": "true box", **{network: f"{network} network" for network in found}}
    write_page(
        path,
        "localization.html",
        title="Phrase localization",
        legend=[(_COLORS[key], name) for key, name in names.items()],
        pictures=[[_shown(corpus, phrase, found) for phrase in phrases] for phrases in shown],
    )


def best_regions(network, corpus: Corpus) -> np.ndarray:
    """Returns for each phrase the region of its picture with the highest score.

    Args:
        network: with `score_pairs`.
        corpus: of proposals and phrases, with features.

    Returns:
        int64 `(m,)`, -1 where the picture has no region.
    """
    regions, phrases = corpus.grounding.same_picture_pairs()
    scores = network.score_pairs(corpus.image_features, corpus.text_features, regions, phrases)
    best = np.full(corpus.num_texts, -1, np.int64)
    rising = np.lexsort((scores, phrases))
    best[phrases[rising]] = regions[rising]  # of equal rows the last is kept: the highest score
    return best


def _shown(corpus: Corpus, phrase: int, found: dict[str, np.ndarray]) -> dict[str, str]:
    """Returns the picture of a phrase with its boxes, the phrase, and what was found."""
    grounding = corpus.grounding
    true = grounding.phrase_boxes[phrase]
    drawn = {"true": true} if grounding.has_box[phrase] else {}
    notes = []
    for network, best in found.items():
        if best[phrase] < 0:
            notes.append(f"{network}: no region")
            continue
        drawn[network] = grounding.region_boxes[best[phrase]]
        overlap = float(boxes.elementwise_iou(drawn[network], true))
        notes.append(f"{network} {overlap:.2f}" if overlap == overlap else network)
    image = draw_boxes(
        grounding.picture_paths[grounding.phrase_pictures[phrase]],
        list(drawn.values()),
        colors=[_COLORS[name] for name in drawn],
        widths=[_WIDTHS[name] for name in drawn],
        size=_SIZE,
    )
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=90, subsampling=0)  # sharp lines
    return {
        "picture": data_uri(jpeg.getvalue(), "image/jpeg"),
        "text": corpus.texts[phrase],
        "note": ", ".join(notes),
    }
